#include "model/reversal/section_reversal.hpp"

#include "model/section/section_format.hpp"
#include "model/section/section_patch.hpp"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <vector>

namespace carillon {

namespace {

namespace format = section_format;

using format::members_of;
using format::Range;

bool is_object(const format::Value& value) {
    return value.tag == format::Tag::object;
}

/// Writes an object that is not there at all while it has no member.
class SparseObject {
public:
    explicit SparseObject(std::string& out) : out_(out), begin_(out.size()) { out_ += '{'; }
    void key(std::string_view name) {
        last_ = out_.size();
        if (has_member_) out_ += ',';
        had_member_ = std::exchange(has_member_, true);
        append_json_string(out_, name, false);
        out_ += ':';
    }
    /// Forgets the newest member.
    void take_back() {
        out_.resize(last_);
        has_member_ = had_member_;
    }
    /// Answers whether it is there.
    bool end() {
        if (has_member_) {
            out_ += '}';
        } else {
            out_.resize(begin_);
        }
        return has_member_;
    }

private:
    std::string& out_;
    const std::size_t begin_;
    std::size_t last_ = 0;
    bool has_member_ = false;
    bool had_member_ = false;
};

/// Where each member of a patch stands in a section, if it does; and whether others stand there.
class Places {
public:
    explicit Places(const PatchTree& patch) : patch_(patch), at_(patch.members.size(), nullptr) {}

    /// Answers whether the range holds a member that `object` does not name.
    bool look_up(Range range, const PatchObject& object) {
        bool has_others = false;
        for (const std::uint8_t* at = range.begin; at != range.end;) {
            const format::Step step = format::read_step(at);
            const std::uint32_t index = patch_.find(object, step.key);
            if (index == PatchTree::none) {
                has_others = true;
            } else {
                at_[index] = at;
            }
            at = step.end;
        }
        return has_others;
    }
    bool has(std::uint32_t index) const { return at_[index] != nullptr; }
    format::Value value(std::uint32_t index) const { return format::read_member(at_[index]).value; }

private:
    const PatchTree& patch_;
    boost::container::small_vector<const std::uint8_t*, 8> at_;  ///< As many as the patch has members.
};

/// See `append_overwritten`.
class Overwritten {
public:
    Overwritten(std::string& out, const PatchTree& patch) : out_(out), patch_(patch), places_(patch) {}

    bool write(Range now, const PatchObject& object) {
        places_.look_up(now, object);
        SparseObject writer(out_);
        for (std::uint32_t i = object.first; i < object.first + object.count; ++i) {
            const PatchMember& member = patch_.members[i];
            if (!places_.has(i)) {
                const bool creates =
                    member.what == PatchMember::What::leaf ||
                    (member.what == PatchMember::What::object && patch_.objects[member.object].creates);
                if (!creates) continue;
                writer.key(member.key);
                out_ += "null";
                continue;
            }
            const format::Value old = places_.value(i);
            writer.key(member.key);
            if (member.what != PatchMember::What::object || !is_object(old)) {
                format::append_value(out_, old, false);
            } else if (!write(members_of(old), patch_.objects[member.object])) {
                writer.take_back();
            }
        }
        return writer.end();
    }

    /// What `write` depends on, and no more: equal bytes lead to equal texts.
    void write_bytes(Range now, const PatchObject& object) {
        places_.look_up(now, object);
        for (std::uint32_t i = object.first; i < object.first + object.count; ++i) {
            if (!places_.has(i)) {
                out_ += '-';
                continue;
            }
            const format::Value old = places_.value(i);
            const bool is_looked_into = patch_.members[i].what == PatchMember::What::object && is_object(old);
            out_ += is_looked_into ? '{' : '=';
            if (is_looked_into) {
                write_bytes(members_of(old), patch_.objects[patch_.members[i].object]);
            } else {
                out_.append(reinterpret_cast<const char*>(old.begin),
                            static_cast<std::size_t>(old.end() - old.begin));
            }
        }
    }

private:
    std::string& out_;
    const PatchTree& patch_;
    Places places_;
};

/// See `append_restoring`.
class Restoring {
public:
    Restoring(std::string& out, const PatchTree& wrote, const PatchTree& before)
        : out_(out), wrote_(wrote), before_(before), places_(wrote) {}

    bool write(Range now, const PatchObject& wrote, const PatchObject& before) {
        places_.look_up(now, wrote);
        SparseObject writer(out_);
        for (std::uint32_t i = before.first; i < before.first + before.count && conflict_.empty(); ++i) {
            const PatchMember& old = before_.members[i];
            const std::uint32_t written = wrote_.find(wrote, old.key);
            writer.key(old.key);
            path_.push_back(old.key);
            if (written == PatchTree::none || !is_as_written(written)) {
                refuse();
            } else if (!write_member(old, written)) {
                writer.take_back();
            }
            path_.pop_back();
        }
        return writer.end();
    }
    std::string take_conflict() { return std::move(conflict_); }

private:
    /// Whether the member stands as it was written, as far as one can see without looking into an object.
    bool is_as_written(std::uint32_t written) const {
        const PatchMember& member = wrote_.members[written];
        if (member.what == PatchMember::What::null) return !places_.has(written);
        if (!places_.has(written)) return false;
        const format::Value now = places_.value(written);
        if (member.what == PatchMember::What::object) return is_object(now);
        return std::equal(now.begin, now.end(), member.leaf.begin(), member.leaf.end());
    }

    bool write_member(const PatchMember& old, std::uint32_t written) {
        const PatchMember& member = wrote_.members[written];
        if (member.what != PatchMember::What::object) {
            write_value(old);
            return true;
        }
        const Range now = members_of(places_.value(written));
        const PatchObject& object = wrote_.objects[member.object];
        switch (old.what) {
            case PatchMember::What::object:
                return write(now, object, before_.objects[old.object]);
            case PatchMember::What::null:
                return write_made(now, object);
            case PatchMember::What::leaf:
                break;
        }
        // The object took the place of something else, which comes back only if nothing has been added.
        const std::size_t mark = out_.size();
        const bool is_ours_alone = is_made_alone(now, object);
        out_.resize(mark);
        if (!is_ours_alone) {
            refuse();
            return true;
        }
        write_value(old);
        return true;
    }

    bool is_made_alone(Range now, const PatchObject& object) {
        bool has_others = false;
        write_made_members(now, object, has_others);
        return !has_others && conflict_.empty();
    }

    /// An object that was made: null for it, or for what was written into it if there is more by now.
    bool write_made(Range now, const PatchObject& object) {
        bool has_others = false;
        const std::size_t mark = out_.size();
        const bool is_anything = write_made_members(now, object, has_others);
        if (has_others) return is_anything;
        out_.resize(mark);
        out_ += "null";
        return true;
    }

    bool write_made_members(Range now, const PatchObject& object, bool& has_others) {
        if (places_.look_up(now, object)) has_others = true;
        SparseObject writer(out_);
        for (std::uint32_t i = object.first; i < object.first + object.count && conflict_.empty(); ++i) {
            const PatchMember& member = wrote_.members[i];
            const bool was_made =
                member.what == PatchMember::What::leaf ||
                (member.what == PatchMember::What::object && wrote_.objects[member.object].creates);
            if (!was_made) {
                if (places_.has(i)) has_others = true;
                continue;
            }
            writer.key(member.key);
            path_.push_back(member.key);
            if (!is_as_written(i)) {
                refuse();
            } else if (member.what == PatchMember::What::leaf) {
                out_ += "null";
            } else {
                bool has_others_within = false;
                const std::size_t mark = out_.size();
                const bool is_anything = write_made_members(members_of(places_.value(i)),
                                                            wrote_.objects[member.object], has_others_within);
                if (!has_others_within) {
                    out_.resize(mark);
                    out_ += "null";
                } else {
                    has_others = true;
                    if (!is_anything) writer.take_back();
                }
            }
            path_.pop_back();
        }
        return writer.end();
    }

    void write_value(const PatchMember& member) {
        switch (member.what) {
            case PatchMember::What::null:
                out_ += "null";
                return;
            case PatchMember::What::leaf:
                format::append_value(out_, format::read_value(member.leaf.data()), false);
                return;
            case PatchMember::What::object:
                break;
        }
        const PatchObject& object = before_.objects[member.object];
        out_ += '{';
        for (std::uint32_t i = object.first; i < object.first + object.count; ++i) {
            if (i != object.first) out_ += ',';
            append_json_string(out_, before_.members[i].key, false);
            out_ += ':';
            write_value(before_.members[i]);
        }
        out_ += '}';
    }

    void refuse() {
        if (!conflict_.empty()) return;
        for (const std::string_view name : path_) {
            if (!conflict_.empty()) conflict_ += '.';
            conflict_ += name;
        }
    }

    std::string& out_;
    const PatchTree& wrote_;
    const PatchTree& before_;
    Places places_;
    std::vector<std::string_view> path_;  ///< Where it is.  Bound: depth_max
    std::string conflict_;
};

}  // namespace

bool append_overwritten(std::string& out, const Section& section, const ComparablePatch& patch) {
    return Overwritten(out, patch.tree).write(members_of(section.encoded()), patch.tree.objects[0]);
}

void append_overwritten_bytes(std::string& out, const Section& section, const ComparablePatch& patch) {
    Overwritten(out, patch.tree).write_bytes(members_of(section.encoded()), patch.tree.objects[0]);
}

std::string append_restoring(std::string& out, const Section& section, const ComparablePatch& wrote,
                             const ComparablePatch& before) {
    const std::size_t mark = out.size();
    Restoring restoring(out, wrote.tree, before.tree);
    restoring.write(members_of(section.encoded()), wrote.tree.objects[0], before.tree.objects[0]);
    auto conflict = restoring.take_conflict();
    if (!conflict.empty()) out.resize(mark);
    return conflict;
}

}  // namespace carillon
