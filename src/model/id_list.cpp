#include "model/id_list.hpp"

#include <algorithm>

namespace carillon {

IdList::IdList(std::vector<std::string_view> ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    StoredWriter out(block_);
    std::string_view before;
    for (const std::string_view id : ids) {
        const auto differ = std::mismatch(id.begin(), id.end(), before.begin(), before.end());
        const auto shared = static_cast<std::size_t>(differ.first - id.begin());
        out.varint(shared);
        out.text(id.substr(shared));
        text_bytes_ += id.size();
        before = id;
    }
    size_ = ids.size();
    block_.shrink_to_fit();
}

Result<IdList> IdList::decode(std::string_view block) {
    IdList list;
    StoredReader in(as_bytes(block));
    std::string id;
    std::string before;
    while (in.more()) {
        const auto shared = in.varint();
        if (shared > before.size()) in.spoil();
        id.assign(before, 0, static_cast<std::size_t>(shared));
        id += in.text();
        if (list.size_ != 0 && id <= before) in.spoil();
        list.text_bytes_ += id.size();
        ++list.size_;
        before.swap(id);
    }
    if (!in.ok()) return fail(Errc::store_corrupt, "a stored list of ids does not decode");
    list.block_ = block;
    return list;
}

std::optional<std::string_view> IdList::Reader::next() {
    if (!in_.more()) return std::nullopt;
    id_.resize(std::min<std::size_t>(id_.size(), in_.varint()));
    id_ += in_.text();
    return id_;
}

}  // namespace carillon
