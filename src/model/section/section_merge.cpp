#include "model/section/section_format.hpp"
#include "model/section/section_notification.hpp"
#include "model/section/section_patch.hpp"

#include <limits>
#include <memory>

namespace carillon {

namespace {

namespace format = section_format;

/// Memory for the section being written, kept by each thread; its first use is bounded by the limits
/// on sections and patches.
std::uint8_t* scratch(std::size_t size) {
    thread_local std::unique_ptr<std::uint8_t[]> memory;
    thread_local std::size_t capacity = 0;
    if (capacity < size) {
        capacity = std::max<std::size_t>(size, 8 * 1024);
        memory.reset(new std::uint8_t[capacity]);
    }
    return memory.get();
}

/// Which members of a patch have met their match. A patch of up to 64 members needs no memory.
class MemberSet {
public:
    explicit MemberSet(std::size_t size) {
        if (size > 64) many_.resize(size);
    }
    /// Adds `index`; false if it was in already.
    bool add(std::uint32_t index) {
        if (!many_.empty()) {
            const bool was = many_[index];
            many_[index] = true;
            return !was;
        }
        const std::uint64_t bit = std::uint64_t{1} << index;
        const bool was = (few_ & bit) != 0;
        few_ |= bit;
        return !was;
    }
    bool has(std::uint32_t index) const { return many_.empty() ? (few_ >> index & 1) != 0 : many_[index]; }

private:
    std::uint64_t few_ = 0;
    std::vector<bool> many_;
};

/// Writes a section: the old one with a patch merged into it, or a patch alone. Walks the old bytes
/// once and copies what no key of the patch names in runs.
class Writer {
public:
    enum class Mode { merge, replace };

    Writer(const Section& old, const PatchTree& patch, Mode mode)
        : old_(old.encoded()), patch_(patch), mode_(mode), seen_(patch.members.size()) {
        begin_ = scratch(old_.size() + format::stamp_bytes + format::header_bytes + patch.encoded_max);
        start_header();
    }

    /// Merges the patch's root; answers whether it touched anything.
    bool merge() {
        return merge_object(format::members_begin(old_.data()), old_.data() + old_.size(), patch_.objects[0]);
    }
    void replace() { create_members(patch_.objects[0]); }

    /// Completes the header. Only after something was touched.
    Bytes finish(const format::Stamp& stamp) {
        if (mode_ == Mode::merge) release_stamp(format::load<std::uint16_t>(begin_ + format::root_stamp_at));
        format::store(begin_ + format::root_stamp_at, static_cast<std::uint16_t>(stamp_));
        format::store(begin_ + format::counted_at, counted_);
        format::store(begin_ + format::version_at,
                      format::load<std::int64_t>(old_.data() + format::version_at) + 1);
        format::store_stamp(begin_, stamp_,
                            {.ticks = stamp.ticks, .version = stamp.version, .uses = uses_ + 1});
        return {begin_, out_};
    }
    std::uint32_t counted() const { return counted_; }

private:
    /// Copies header and stamps and finds the new stamp's place in the table: one that nothing but the
    /// root uses, one that nothing uses, or a new one.
    void start_header() {
        if (mode_ == Mode::replace) {
            std::memset(begin_, 0, format::header_bytes + format::stamp_bytes);
            begin_[0] = format::version;
            format::store<std::uint16_t>(begin_ + format::stamp_count_at, 1);
            out_ = begin_ + format::header_bytes + format::stamp_bytes;
            return;
        }
        const std::uint32_t count = format::load<std::uint16_t>(old_.data() + format::stamp_count_at);
        const std::size_t size = format::header_bytes + count * format::stamp_bytes;
        std::memcpy(begin_, old_.data(), size);
        counted_ = format::load<std::uint32_t>(old_.data() + format::counted_at);
        out_ = begin_ + size;
        const std::uint32_t root = format::load<std::uint16_t>(begin_ + format::root_stamp_at);
        stamp_ = count;
        if (format::load_stamp(begin_, root).uses == 1) {
            stamp_ = root;
        } else {
            for (std::uint32_t i = 0; i < count; ++i) {
                if (format::load_stamp(begin_, i).uses != 0) continue;
                stamp_ = i;
                break;
            }
        }
        if (stamp_ < count) return;
        CARILLON_ASSERT(count < std::numeric_limits<std::uint16_t>::max());
        format::store(begin_ + format::stamp_count_at, static_cast<std::uint16_t>(count + 1));
        std::memset(out_, 0, format::stamp_bytes);
        out_ += format::stamp_bytes;
    }

    bool merge_object(const std::uint8_t* at, const std::uint8_t* end, const PatchObject& object) {
        bool touched = false;
        const std::uint8_t* run = at;
        while (at != end) {
            const std::uint8_t* const begin = at;
            const format::Step step = format::read_step(at);
            at = step.end;
            const std::uint32_t index = patch_.find(object, step.key);
            if (index == PatchTree::none) continue;
            copy(run, begin);
            run = at;
            if (merge_member(format::read_member(begin), index)) touched = true;
        }
        copy(run, end);
        for (std::uint32_t i = object.first; i < object.first + object.count; ++i) {
            if (!seen_.has(i) && create(patch_.members[i])) touched = true;
        }
        return touched;
    }

    bool merge_member(const format::Member& old, std::uint32_t index) {
        const PatchMember& member = patch_.members[index];
        // A second member of one name cannot come from us; it must not be written twice.
        if (!seen_.add(index) || member.what == PatchMember::What::null) {
            release(old);
            return true;
        }
        if (member.what == PatchMember::What::object && old.value.tag == format::Tag::object) {
            const PatchObject& object = patch_.objects[member.object];
            copy(old.begin, old.value.begin);
            std::uint8_t* const length = begin_object();
            const bool touched =
                merge_object(old.value.payload, old.value.end(), object) || object.count == 0;
            end_object(length);
            if (touched) {
                release_stamp(old.stamp);
                put_new_stamp();
            } else {
                put_varint(old.stamp);
            }
            return touched;
        }
        release(old);
        put(member);
        return true;
    }

    /// Writes a member where none was, if it amounts to anything.
    bool create(const PatchMember& member) {
        if (member.what == PatchMember::What::null) return false;
        if (member.what == PatchMember::What::object && mode_ == Mode::merge &&
            !patch_.objects[member.object].creates)
            return false;
        put(member);
        return true;
    }
    void create_members(const PatchObject& object) {
        for (std::uint32_t i = object.first; i < object.first + object.count; ++i) create(patch_.members[i]);
    }

    void put(const PatchMember& member) {
        put_bytes(member.head);
        counted_ += member.counted;
        if (member.what == PatchMember::What::leaf) {
            put_bytes(member.leaf);
        } else {
            std::uint8_t* const length = begin_object();
            create_members(patch_.objects[member.object]);
            end_object(length);
        }
        put_new_stamp();
    }

    /// Takes back what a member that goes counted and used; answers nothing, as all is in the sums.
    void release(const format::Member& member) {
        release_stamp(member.stamp);
        counted_ -= static_cast<std::uint32_t>(member.key.size());
        if (member.value.tag != format::Tag::object) {
            counted_ -= format::counted_value(member.value);
            return;
        }
        for (const std::uint8_t* at = member.value.payload; at != member.value.end();) {
            const format::Member child = format::read_member(at);
            release(child);
            at = child.end;
        }
    }
    void release_stamp(std::uint32_t index) {
        std::uint8_t* const at = begin_ + format::header_bytes + index * format::stamp_bytes + 8;
        format::store(at, format::load<std::uint64_t>(at) - 1);
    }

    void copy(const std::uint8_t* from, const std::uint8_t* to) { put_bytes({from, to}); }
    void put_bytes(Bytes bytes) {
        std::memcpy(out_, bytes.data(), bytes.size());
        out_ += bytes.size();
    }
    void put_varint(std::uint32_t value) {
        for (; value >= 0x80; value >>= 7) *out_++ = static_cast<std::uint8_t>(value | 0x80);
        *out_++ = static_cast<std::uint8_t>(value);
    }
    void put_new_stamp() {
        put_varint(stamp_);
        ++uses_;
    }
    std::uint8_t* begin_object() {
        *out_++ = static_cast<std::uint8_t>(format::Tag::object);
        std::uint8_t* const length = out_;
        out_ += format::object_length_bytes;
        return length;
    }
    void end_object(std::uint8_t* length) {
        const auto size = static_cast<std::uint32_t>(out_ - length) - format::object_length_bytes;
        length[0] = static_cast<std::uint8_t>(size);
        length[1] = static_cast<std::uint8_t>(size >> 8);
        length[2] = static_cast<std::uint8_t>(size >> 16);
    }

    Bytes old_;
    const PatchTree& patch_;
    Mode mode_;
    MemberSet seen_;
    std::uint8_t* begin_ = nullptr;
    std::uint8_t* out_ = nullptr;
    std::uint32_t stamp_ = 0;  ///< The new stamp's index.
    std::uint32_t uses_ = 0;
    std::uint32_t counted_ = 0;
};

format::Stamp new_stamp(const Section& old, SectionKind kind, WallTime now) {
    return {.ticks = now.ticks, .version = kind == SectionKind::desired ? old.version() + 1 : 0, .uses = 0};
}

Result<> check_size(const Section& old, std::size_t counted, std::size_t encoded, SectionKind kind) {
    const bool too_large = counted > section_bytes_max(kind) && counted > old.counted_bytes();
    const bool too_bulky = encoded > TwinLimits::encoded_bytes_max && encoded > old.encoded().size();
    if (!too_large && !too_bulky) return {};
    constexpr const char* names[] = {"tags", "desired properties", "reported properties"};
    return fail(Errc::argument_invalid, std::string("The ") + names[static_cast<int>(kind)] + " would take " +
                                            std::to_string(counted) + " bytes, more than the " +
                                            std::to_string(section_bytes_max(kind)) + " allowed.");
}

}  // namespace

Result<SectionChange> Section::merged(const SectionPatch& patch, SectionKind kind, WallTime now,
                                      Notification notification) const {
    const PatchTree& tree = patch.impl_->tree;
    Writer writer(*this, tree, Writer::Mode::merge);
    if (!writer.merge()) return SectionChange{.section = *this, .touched = false, .notification = {}};
    const Bytes bytes = writer.finish(new_stamp(*this, kind, now));
    if (auto checked = check_size(*this, writer.counted(), bytes.size(), kind); !checked)
        return fail(std::move(checked).error());
    SectionChange change{.section = Section(bytes), .touched = true, .notification = {}};
    if (notification == Notification::write) append_merge_notification(change.notification, encoded(), tree);
    return change;
}

Result<SectionChange> Section::replaced(const SectionPatch& content, SectionKind kind, WallTime now,
                                        Notification notification) const {
    const PatchTree& tree = content.impl_->tree;
    Writer writer(*this, tree, Writer::Mode::replace);
    writer.replace();
    const Bytes bytes = writer.finish(new_stamp(*this, kind, now));
    if (auto checked = check_size(*this, writer.counted(), bytes.size(), kind); !checked)
        return fail(std::move(checked).error());
    SectionChange change{.section = Section(bytes), .touched = true, .notification = {}};
    if (is_empty() && change.section.is_empty())
        return SectionChange{.section = *this, .touched = false, .notification = {}};
    if (notification == Notification::write)
        append_replace_notification(change.notification, encoded(), change.section.encoded());
    return change;
}

}  // namespace carillon
