#include "model/section/section_notification.hpp"

#include "model/section/section_format.hpp"
#include "model/section/section_patch.hpp"

#include <algorithm>

namespace carillon {

namespace {

namespace format = section_format;

using format::members_of;
using format::Range;

/// Writes members one by one, with commas between and braces around.
class ObjectWriter {
public:
    explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
    void key(std::string_view name) {
        if (!first_) out_ += ',';
        first_ = false;
        append_json_string(out_, name, true);
        out_ += ':';
    }
    void value(std::string_view name, const format::Value& v) {
        key(name);
        format::append_value(out_, v, true);
    }
    void null(std::string_view name) {
        key(name);
        out_ += "null";
    }
    bool is_empty() const { return first_; }
    /// Forgets the newest member, before which `out` had `size` bytes.
    void take_back(std::size_t size, bool was_empty) {
        out_.resize(size);
        first_ = was_empty;
    }
    void end() { out_ += '}'; }

private:
    std::string& out_;
    bool first_ = true;
};

class MergeNotification {
public:
    MergeNotification(std::string& out, const PatchTree& patch)
        : out_(out), patch_(patch), old_(patch.members.size(), nullptr) {}

    /// Writes what is told of `object` merged into `before`; answers whether that is anything.
    bool write(Range before, const PatchObject& object) {
        for (const std::uint8_t* at = before.begin; at != before.end;) {
            const format::Step step = format::read_step(at);
            const std::uint32_t index = patch_.find(object, step.key);
            if (index != PatchTree::none) old_[index] = at;
            at = step.end;
        }
        ObjectWriter writer(out_);
        for (std::uint32_t i = object.first; i < object.first + object.count; ++i) {
            const PatchMember& member = patch_.members[i];
            switch (member.what) {
                case PatchMember::What::null:
                    if (old_[i] != nullptr) writer.null(member.key);
                    break;
                case PatchMember::What::leaf:
                    writer.value(member.key, format::read_value(member.leaf.data()));
                    break;
                case PatchMember::What::object:
                    write_object(writer, i);
                    break;
            }
        }
        writer.end();
        return !writer.is_empty();
    }

private:
    void write_object(ObjectWriter& writer, std::uint32_t index) {
        const PatchMember& member = patch_.members[index];
        const PatchObject& object = patch_.objects[member.object];
        if (old_[index] == nullptr && !object.creates) return;
        Range before;
        bool was_object = false;
        if (old_[index] != nullptr) {
            const format::Member old = format::read_member(old_[index]);
            was_object = old.value.tag == format::Tag::object;
            if (was_object) before = members_of(old.value);
        }
        const std::size_t mark = out_.size();
        const bool was_empty = writer.is_empty();
        writer.key(member.key);
        const bool is_anything = write(before, object) || object.count == 0 || !was_object;
        if (!is_anything) writer.take_back(mark, was_empty);
    }

    std::string& out_;
    const PatchTree& patch_;
    std::vector<const std::uint8_t*> old_;  ///< Where each member of the patch stood before, if it did.
};

/// The members of one object, to be looked up by key.
class MemberIndex {
public:
    explicit MemberIndex(Range range) {
        for (const std::uint8_t* at = range.begin; at != range.end;) {
            members_.push_back(format::read_member(at));
            at = members_.back().end;
        }
        order_.resize(members_.size());
        for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = i;
        std::sort(order_.begin(), order_.end(),
                  [this](std::size_t a, std::size_t b) { return members_[a].key < members_[b].key; });
    }
    const std::vector<format::Member>& members() const { return members_; }
    const format::Member* find(std::string_view key) const {
        const auto found =
            std::lower_bound(order_.begin(), order_.end(), key,
                             [this](std::size_t i, std::string_view k) { return members_[i].key < k; });
        return found != order_.end() && members_[*found].key == key ? &members_[*found] : nullptr;
    }

private:
    std::vector<format::Member> members_;
    std::vector<std::size_t> order_;
};

void write_replaced(std::string& out, Range before, Range after) {
    const MemberIndex old(before);
    const MemberIndex now(after);
    ObjectWriter writer(out);
    for (const format::Member& was : old.members()) {
        const format::Member* const is = now.find(was.key);
        if (is == nullptr) {
            writer.null(was.key);
        } else if (was.value.tag == format::Tag::object && is->value.tag == format::Tag::object) {
            writer.key(was.key);
            write_replaced(out, members_of(was.value), members_of(is->value));
        } else {
            writer.value(was.key, is->value);
        }
    }
    for (const format::Member& is : now.members()) {
        if (old.find(is.key) == nullptr) writer.value(is.key, is.value);
    }
    writer.end();
}

}  // namespace

void append_merge_notification(std::string& out, Bytes before, const PatchTree& patch) {
    MergeNotification(out, patch).write(members_of(before), patch.objects[0]);
}

void append_replace_notification(std::string& out, Bytes before, Bytes after) {
    write_replaced(out, members_of(before), members_of(after));
}

}  // namespace carillon
