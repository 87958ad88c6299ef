#include "base/json.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "model/section/section.hpp"
#include "model/section/section_format.hpp"

namespace carillon {

namespace section_format {

namespace {

/// Appends JSON text, with everything beyond ASCII (only strings can hold it) escaped.
void append_json_as_ascii(std::string& out, std::string_view json) {
    std::size_t run = 0;
    for (std::size_t at = 0; at < json.size();) {
        if (static_cast<unsigned char>(json[at]) < 0x80) {
            ++at;
            continue;
        }
        out.append(json, run, at - run);
        const std::size_t length = utf8_sequence_length(json.data() + at, json.size() - at);
        std::string literal;
        append_json_string(literal, json.substr(at, length), true);
        out.append(literal, 1, literal.size() - 2);
        at += length;
        run = at;
    }
    out.append(json, run, json.size() - run);
}

}  // namespace

void append_value(std::string& out, const Value& value, bool ascii) {
    switch (value.tag) {
        case Tag::boolean:
            out += value.size != 0 ? "true" : "false";
            return;
        case Tag::number:
            out += value.text();
            return;
        case Tag::plain_string:
            out += '"';
            out += value.text();
            out += '"';
            return;
        case Tag::string:
            append_json_string(out, value.text(), ascii);
            return;
        case Tag::array:
            if (ascii) {
                append_json_as_ascii(out, value.text());
            } else {
                out += value.text();
            }
            return;
        case Tag::object:
            out += '{';
            append_members(out, value.payload, value.end(), ascii);
            out += '}';
            return;
    }
}

void append_members(std::string& out, const std::uint8_t* at, const std::uint8_t* end, bool ascii) {
    for (bool first = true; at != end; first = false) {
        const Member member = read_member(at);
        if (!first) out += ',';
        append_json_string(out, member.key, ascii);
        out += ':';
        append_value(out, member.value, ascii);
        at = member.end;
    }
}

}  // namespace section_format

namespace {

namespace format = section_format;

/// Writes `$metadata`. Neighbours mostly share their stamp, so its text is kept from one to the next.
class MetadataWriter {
public:
    MetadataWriter(std::string& out, const std::uint8_t* section) : out_(out), section_(section) {}

    void node(std::uint32_t stamp, const std::uint8_t* at, const std::uint8_t* end) {
        out_ += '{';
        write_stamp(stamp);
        while (at != end) {
            const format::Member member = format::read_member(at);
            out_ += ',';
            append_json_string(out_, member.key);
            out_ += ':';
            const bool is_object = member.value.tag == format::Tag::object;
            node(member.stamp, is_object ? member.value.payload : nullptr,
                 is_object ? member.value.end() : nullptr);
            at = member.end;
        }
        out_ += '}';
    }

private:
    void write_stamp(std::uint32_t index) {
        if (text_.empty() || index != index_) {
            const format::Stamp stamp = format::load_stamp(section_, index);
            text_ = "\"$lastUpdated\":\"" + to_iso8601({stamp.ticks}) + '"';
            if (stamp.version != 0) text_ += ",\"$lastUpdatedVersion\":" + std::to_string(stamp.version);
            index_ = index;
        }
        out_ += text_;
    }

    std::string& out_;
    const std::uint8_t* section_;
    std::uint32_t index_ = 0;
    std::string text_;
};

}  // namespace

void Section::append_json(std::string& out, SectionForm form) const {
    const Bytes bytes = encoded();
    const std::uint8_t* const begin = format::members_begin(bytes.data());
    const std::uint8_t* const end = bytes.data() + bytes.size();
    out += '{';
    format::append_members(out, begin, end, form == SectionForm::device);
    if (form != SectionForm::plain) {
        if (begin != end) out += ',';
        if (form == SectionForm::full) {
            out += "\"$metadata\":";
            MetadataWriter(out, bytes.data())
                .node(format::load<std::uint16_t>(bytes.data() + format::root_stamp_at), begin, end);
            out += ',';
        }
        out += "\"$version\":" + std::to_string(version());
    }
    out += '}';
}

void Section::append_object_json(std::string& out, Bytes object) {
    out += '{';
    format::append_members(out, object.data(), object.data() + object.size(), false);
    out += '}';
}

}  // namespace carillon
