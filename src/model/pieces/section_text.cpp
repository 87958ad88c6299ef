#include "model/pieces/section_text.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/section/section_format.hpp"

#include <utility>

namespace carillon {

namespace format = section_format;

SectionText::SectionText(Section section, SectionForm form) : section_(std::move(section)), form_(form) {}

bool SectionText::append(std::string& out, std::size_t bytes_max) {
    if (part_ == Part::begin) {
        open_root(out);
        part_ = Part::members;
    }
    if (part_ == Part::members) {
        if (append_objects(out, bytes_max)) return true;
        if (form_ == SectionForm::plain) {
            out += '}';
            part_ = Part::end;
        } else {
            if (!section_.is_empty()) out += ',';
            out += "\"$metadata\":";
            open_root(out);
            part_ = Part::metadata;
        }
    }
    if (part_ == Part::metadata) {
        if (append_objects(out, bytes_max)) return true;
        out += "},\"$version\":" + std::to_string(section_.version()) + '}';
        part_ = Part::end;
    }
    return false;
}

/// Opens the section's own object, whose end `append` writes.
void SectionText::open_root(std::string& out) {
    const Bytes bytes = section_.encoded();
    out += '{';
    open_.push_back({format::members_begin(bytes.data()), bytes.data() + bytes.size()});
    needs_comma_ = part_ != Part::begin;
    if (needs_comma_) append_stamp(out, format::load<std::uint16_t>(bytes.data() + format::root_stamp_at));
}

bool SectionText::append_objects(std::string& out, std::size_t bytes_max) {
    const bool is_metadata = part_ == Part::metadata;
    while (!open_.empty()) {
        if (out.size() >= bytes_max) return true;
        Level& level = open_.back();
        if (level.at == level.end) {
            open_.pop_back();
            if (!open_.empty()) out += '}';
            needs_comma_ = true;
            continue;
        }
        const format::Member member = format::read_member(level.at);
        level.at = member.end;
        if (std::exchange(needs_comma_, true)) out += ',';
        append_json_string(out, member.key);
        out += ':';
        const bool is_object = member.value.tag == format::Tag::object;
        if (!is_metadata && !is_object) {
            format::append_value(out, member.value, false);
            continue;
        }
        out += '{';
        if (is_metadata) append_stamp(out, member.stamp);
        needs_comma_ = is_metadata;
        if (is_object) {
            open_.push_back({member.value.payload, member.value.end()});
        } else {
            out += '}';
            needs_comma_ = true;
        }
    }
    return false;
}

void SectionText::append_stamp(std::string& out, std::uint32_t index) {
    if (stamp_text_.empty() || index != stamp_) {
        const format::Stamp stamp = format::load_stamp(section_.encoded().data(), index);
        stamp_text_ = "\"$lastUpdated\":\"" + to_iso8601({stamp.ticks}) + '"';
        if (stamp.version != 0) stamp_text_ += ",\"$lastUpdatedVersion\":" + std::to_string(stamp.version);
        stamp_ = index;
    }
    out += stamp_text_;
}

}  // namespace carillon
