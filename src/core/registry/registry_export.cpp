#include "core/registry/registry_export.hpp"

#include "core/shard/directory.hpp"
#include "core/shard/key_list.hpp"

namespace carillon {
namespace {

/// The key that `KeyList::text_of` made a text of.
std::optional<IdentityKey> key_of(std::string_view text) {
    const std::size_t nul = text.find('\0');
    auto key = nul == std::string_view::npos ? IdentityKey::parse(text)
                                             : IdentityKey::parse(text.substr(0, nul), text.substr(nul + 1));
    if (!key) return std::nullopt;
    return *std::move(key);
}

}  // namespace

RegistryExport::RegistryExport(Shards& shards, ExportedKeys keys, std::string after)
    : shards_(shards), keys_(keys), sources_(shards.count()), position_(std::move(after)) {}

/// A page takes about a millisecond, so it is read in one turn.
Task<RegistryExport::Page> RegistryExport::read_page(Shard* shard, std::string after, ExportedKeys keys) {
    Page page;
    const Directory& directory = shard->directory();
    const auto begin = key_of(after);
    const Record* record = begin ? directory.upper_bound(*begin) : directory.first();
    std::size_t bytes = 0;
    for (; record != nullptr && page.lines.size() < page_lines_max && bytes < page_bytes_max;
         record = directory.next(*record)) {
        if (!record->exists()) continue;
        Line line;
        line.key = KeyList::text_of(record->key);
        append_export_line(line.text, *record->committed, keys);
        bytes += line.text.size();
        page.lines.push_back(std::move(line));
    }
    page.is_last = record == nullptr;
    co_return page;
}

Task<> RegistryExport::fill(std::size_t shard) {
    Source& source = sources_[shard];
    // Beyond what this shard gave last, or, of a shard not looked at yet, what was written last.
    std::string after = source.lines.empty() ? position_ : source.lines.back().key;
    auto reading = read_page(&shards_[shard], std::move(after), keys_);
    Page page = co_await shards_.on(shards_[shard], std::move(reading));
    source.next = 0;
    source.is_at_end = page.is_last;
    source.lines = std::move(page.lines);
}

RegistryExport::Source* RegistryExport::least() {
    Source* least = nullptr;
    for (Source& source : sources_) {
        if (source.next == source.lines.size()) continue;
        if (least == nullptr || source.lines[source.next].key < least->lines[least->next].key)
            least = &source;
    }
    return least;
}

Task<bool> RegistryExport::append(std::string& out, std::size_t bytes_max) {
    while (out.size() < bytes_max) {
        for (std::size_t shard = 0; shard < sources_.size(); ++shard) {
            while (sources_[shard].next == sources_[shard].lines.size() && !sources_[shard].is_at_end) {
                co_await fill(shard);
            }
        }
        Source* source = least();
        if (source == nullptr) co_return false;
        Line& line = source->lines[source->next++];
        out += line.text;
        position_ = line.key;
        ++lines_;
    }
    co_return true;
}

}  // namespace carillon
