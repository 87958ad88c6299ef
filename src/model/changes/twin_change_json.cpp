#include "model/changes/twin_change_json.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/section/section_format.hpp"

#include <algorithm>
#include <vector>

namespace carillon {

namespace {

namespace format = section_format;

using format::members_of;
using format::Range;

/// The members of an object, or none of another value.
Range members_if_any(const format::Value& value) {
    return value.tag == format::Tag::object ? members_of(value) : Range{};
}

/// The members of one object by their keys.
std::vector<format::Member> by_key(Range range) {
    std::vector<format::Member> members;
    for (const std::uint8_t* at = range.begin; at != range.end; at = members.back().end) {
        members.push_back(format::read_member(at));
    }
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    return members;
}

const format::Member* find(const std::vector<format::Member>& members, std::string_view key) {
    const auto place =
        std::lower_bound(members.begin(), members.end(), key,
                         [](const format::Member& m, std::string_view k) { return m.key < k; });
    return place != members.end() && place->key == key ? &*place : nullptr;
}

/// Writes what a write has touched. All of that, and nothing else, carries the stamp of the root, as a write
/// gives its stamp to each node that it touches and to the way there (section_merge.cpp).
class ChangeWriter {
public:
    ChangeWriter(std::string& out, Bytes after)
        : out_(out), newest_(format::load<std::uint16_t>(after.data() + format::root_stamp_at)) {
        const format::Stamp stamp = format::load_stamp(after.data(), newest_);
        stamp_text_ = "\"$lastUpdated\":\"" + to_iso8601({stamp.ticks}) + '"';
        if (stamp.version != 0) stamp_text_ += ",\"$lastUpdatedVersion\":" + std::to_string(stamp.version);
    }

    /// Members without braces; true if there is any.
    bool members(Range before, Range after) {
        const auto old = by_key(before);
        std::size_t kept = 0;
        bool is_first = true;
        const auto begin_member = [&](std::string_view key) {
            if (!is_first) out_ += ',';
            is_first = false;
            append_json_string(out_, key);
            out_ += ':';
        };
        for (const std::uint8_t* at = after.begin; at != after.end;) {
            const format::Member member = format::read_member(at);
            at = member.end;
            const format::Member* const was = find(old, member.key);
            if (was != nullptr) ++kept;
            if (member.stamp != newest_) continue;
            begin_member(member.key);
            if (member.value.tag == format::Tag::object) {
                out_ += '{';
                members(was != nullptr ? members_if_any(was->value) : Range(), members_of(member.value));
                out_ += '}';
            } else {
                format::append_value(out_, member.value, false);
            }
        }
        if (kept < old.size()) {
            const auto now = by_key(after);
            for (const format::Member& was : old) {
                if (find(now, was.key) != nullptr) continue;
                begin_member(was.key);
                out_ += "null";
            }
        }
        return !is_first;
    }

    void metadata(Range after) {
        out_ += '{' + stamp_text_;
        for (const std::uint8_t* at = after.begin; at != after.end;) {
            const format::Member member = format::read_member(at);
            at = member.end;
            if (member.stamp != newest_) continue;
            out_ += ',';
            append_json_string(out_, member.key);
            out_ += ':';
            metadata(members_if_any(member.value));
        }
        out_ += '}';
    }

private:
    std::string& out_;
    std::uint32_t newest_;
    std::string stamp_text_;
};

void append_properties(std::string& out, const Twin& before, const Twin& after) {
    bool is_first = true;
    out += ",\"properties\":{";
    const auto append = [&](std::string_view name, const Section& was, const Section& is) {
        if (was.version() == is.version()) return;
        if (!is_first) out += ',';
        is_first = false;
        out.append("\"").append(name).append("\":");
        append_section_change(out, was, is, SectionForm::full);
    };
    append("desired", before.desired, after.desired);
    append("reported", before.reported, after.reported);
    out += '}';
}

}  // namespace

void append_section_change(std::string& out, const Section& before, const Section& after, SectionForm form) {
    const Bytes now = after.encoded();
    ChangeWriter writer(out, now);
    out += '{';
    const bool has_members = writer.members(members_of(before.encoded()), members_of(now));
    if (form == SectionForm::full) {
        if (has_members) out += ',';
        out += "\"$metadata\":";
        writer.metadata(members_of(now));
        out += ",\"$version\":" + std::to_string(after.version());
    }
    out += '}';
}

std::string twin_update_json(const Twin& before, const Twin& after) {
    std::string out = "{\"version\":" + std::to_string(after.version);
    if (before.tags.version() != after.tags.version()) {
        out += ",\"tags\":";
        append_section_change(out, before.tags, after.tags, SectionForm::plain);
    }
    const bool has_properties = before.desired.version() != after.desired.version() ||
                                before.reported.version() != after.reported.version();
    if (has_properties) append_properties(out, before, after);
    out += '}';
    return out;
}

std::string whole_twin_json(const IdentityKey& key, const Twin& twin) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().member("deviceId", key.device.str());
    if (key.is_module()) json.member("moduleId", key.module);
    json.member("etag", twin_etag_text(twin.etag)).member("version", twin.version);
    if (!twin.tags.is_empty()) {
        json.key("tags").raw({});
        twin.tags.append_json(out, SectionForm::plain);
    }
    json.key("properties").begin_object().key("desired").raw({});
    twin.desired.append_json(out, SectionForm::full);
    json.key("reported").raw({});
    twin.reported.append_json(out, SectionForm::full);
    json.end_object().end_object();
    return out;
}

}  // namespace carillon
