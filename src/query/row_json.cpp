#include "model/configuration_states.hpp"
#include "model/pieces/section_text.hpp"
#include "query/value.hpp"

#include <cmath>
#include <cstdint>

namespace carillon::query {
namespace {

bool append_value(std::string& out, const Value& value, Scratch& scratch) {
    switch (value.kind) {
        case Value::Kind::undefined:
            return false;
        case Value::Kind::null:
            out += "null";
            return true;
        case Value::Kind::boolean:
            out += value.boolean ? "true" : "false";
            return true;
        case Value::Kind::number:
            if (value.text.empty()) {
                append_number_json(out, value.number);
            } else {
                out += value.text;
            }
            return true;
        case Value::Kind::string:
            append_json_string(out, text_of(value, scratch));
            return true;
        case Value::Kind::array:
            out += value.text;
            return true;
        case Value::Kind::object:
            break;
    }
    if (value.text.empty()) {
        Section::append_object_json(out, value.object);
    } else {
        out += value.text;
    }
    return true;
}

/// A node of `$metadata`, cut out of the section as it is printed.
bool append_metadata(std::string& out, const Section& section, const Path& path, Scratch& scratch) {
    JsonValue node = scratch.printed(section).find("$metadata");
    for (const std::string_view key : path.keys) node = node.find(key);
    out += node.raw();
    return node.exists();
}

/// A section with its times, which may be megabytes; false if it costs more than there is.
bool append_full(std::string& out, const Section& section, Scratch& scratch) {
    constexpr std::size_t piece_bytes = 16 * 1024;
    SectionText text(section, SectionForm::full);
    for (bool has_more = true; has_more;) {
        const std::size_t before = out.size();
        has_more = text.append(out, before + piece_bytes);
        if (!scratch.spend(steps_to_read(out.size() - before))) return false;
    }
    return true;
}

/// An object that is not part of a section, but a whole one or the system's own; its path has no keys.
bool append_whole(std::string& out, const Path& path, const Row& row, Scratch& scratch) {
    const Twin& twin = row.document()->twin;
    switch (path.field) {
        case Field::tags:
            twin.tags.append_json(out, SectionForm::plain);
            return true;
        case Field::desired:
            return append_full(out, twin.desired, scratch);
        case Field::reported:
            return append_full(out, twin.reported, scratch);
        case Field::desired_metadata:
            return append_metadata(out, twin.desired, path, scratch);
        case Field::reported_metadata:
            return append_metadata(out, twin.reported, path, scratch);
        case Field::properties:
            out += "{\"desired\":";
            if (!append_full(out, twin.desired, scratch)) return false;
            out += ",\"reported\":";
            if (!append_full(out, twin.reported, scratch)) return false;
            out += '}';
            return true;
        case Field::capabilities:
            out += row.document()->identity.iot_edge() ? "{\"iotEdge\":true}" : "{\"iotEdge\":false}";
            return true;
        case Field::configurations: {
            const ConfigurationStates& states = *row.live()->configurations;
            if (path.keys.empty()) {
                append_configuration_states_json(out, states);
            } else {
                append_configuration_state_json(out, *states.find(path.keys[0]));
            }
            return true;
        }
        case Field::x509_thumbprint: {
            const Authentication& auth = scratch.identity(row).auth;
            out += "{\"primaryThumbprint\":";
            auto append = [&out](const std::string& text) {
                if (text.empty()) {
                    out += "null";
                } else {
                    append_json_string(out, text);
                }
            };
            append(auth.primary_thumbprint);
            out += ",\"secondaryThumbprint\":";
            append(auth.secondary_thumbprint);
            out += '}';
            return true;
        }
        default:
            return false;
    }
}

bool is_whole(const Path& path) {
    switch (path.field) {
        case Field::tags:
        case Field::desired:
        case Field::reported:
            return path.keys.empty() && path.tail.empty();
        case Field::desired_metadata:
        case Field::reported_metadata:
            return path.metadata_part == MetadataPart::node;
        case Field::properties:
        case Field::capabilities:
        case Field::x509_thumbprint:
        case Field::configurations:
            return true;
        default:
            return false;
    }
}

}  // namespace

void append_number_json(std::string& out, double number) {
    constexpr double integers_end = 9007199254740992.0;  // 2^53
    if (std::fabs(number) < integers_end && number == std::trunc(number)) {
        JsonWriter(out).value(static_cast<std::int64_t>(number));
    } else {
        JsonWriter(out).value(number);
    }
}

bool append_path_json(std::string& out, const Path& path, const Row& row, Scratch& scratch) {
    const Value value = read_path(path, row, scratch);
    if (!value.is_defined()) return false;
    const std::size_t before = out.size();
    const bool is_there = row.job() == nullptr && is_whole(path) ? append_whole(out, path, row, scratch)
                                                                 : append_value(out, value, scratch);
    return scratch.spend_bytes(out.size() - before) && is_there;
}

}  // namespace carillon::query
