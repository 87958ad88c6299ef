#include "base/member_reader.hpp"

#include "base/json_number.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <initializer_list>

namespace carillon {

namespace {

// The client library holds this file and does without fmt.
std::string joined(std::initializer_list<std::string_view> parts) {
    std::string out;
    for (const auto part : parts) out += part;
    return out;
}

/// The number that a member is, or that its text is and nothing else.
std::optional<std::int64_t> read_integer(JsonValue value) {
    if (!value.is_string()) return value.integer();
    const auto number = JsonDocument::parse(value.string());
    // White space around it is JSON too, and no number.
    if (!number || number->root().raw().size() != value.string().size()) return std::nullopt;
    return number->root().integer();
}

/// True for what an answer may repeat.
bool is_short_and_plain(std::string_view text) {
    constexpr std::size_t shown_max = 64;
    return text.size() <= shown_max &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::string describe_json_name(JsonValue member) {
    return std::string(is_short_and_plain(member.key()) ? member.key() : "a name of other characters");
}

std::string describe_json(JsonValue value) {
    const bool is_scalar = value.is_string() || value.is_number() || value.is_boolean();
    if (is_scalar && is_short_and_plain(value.raw())) return std::string(value.raw());
    switch (value.kind()) {
        case JsonKind::absent:
            return "nothing";
        case JsonKind::null:
            return "null";
        case JsonKind::object:
            return "an object";
        case JsonKind::array:
            return "an array";
        case JsonKind::string:
            return "a text";
        default:
            return "a number";
    }
}

MemberReader::MemberReader(JsonValue object) : object_(object), fault_(&own_fault_) {
    if (object.size() > members_max)
        refuse("An object has more than " + std::to_string(members_max) + " members.");
}

MemberReader::MemberReader(JsonValue object, MemberReader& parent, std::string_view prefix)
    : object_(object), prefix_(prefix), fault_(parent.fault_) {
    if (object.size() > members_max)
        refuse("An object has more than " + std::to_string(members_max) + " members.");
}

JsonValue MemberReader::find(std::string_view name) {
    JsonValue found;
    if (!ok() || !object_.is_object()) return found;
    for (JsonValue v = object_.first(); v.exists(); v = v.next()) {
        if (v.key().size() != name.size() || !equals_ignoring_case(v.key(), name)) continue;
        if (found.exists()) {
            refuse(
                joined({prefix_, name, " is there in two spellings, ", found.key(), " and ", v.key(), "."}));
            return {};
        }
        found = v;
    }
    return found;
}

std::optional<std::string_view> MemberReader::text(std::string_view name) {
    const JsonValue value = find(name);
    if (value.is_null_or_absent()) return std::nullopt;
    if (value.is_string()) return value.string();
    refuse(name, "a text", value);
    return std::nullopt;
}

std::optional<bool> MemberReader::boolean(std::string_view name) {
    const JsonValue value = find(name);
    if (value.is_null_or_absent()) return std::nullopt;
    if (value.is_boolean()) return value.boolean();
    for (const bool flag : {false, true}) {
        if (value.is_string() && equals_ignoring_case(value.string(), flag ? "true" : "false")) return flag;
    }
    refuse(name, "true or false", value);
    return std::nullopt;
}

std::optional<std::int64_t> MemberReader::integer(std::string_view name, std::int64_t min, std::int64_t max) {
    const JsonValue value = find(name);
    if (value.is_null_or_absent()) return std::nullopt;
    const auto number = read_integer(value);
    if (number && *number >= min && *number <= max) return number;
    refuse(name, "within [" + std::to_string(min) + ", " + std::to_string(max) + "]", value);
    return std::nullopt;
}

JsonValue MemberReader::object(std::string_view name) {
    const JsonValue value = find(name);
    if (value.is_null_or_absent() || value.is_object()) return value;
    refuse(name, "an object", value);
    return {};
}

void MemberReader::refuse(std::string detail) {
    if (ok()) fault_->emplace(std::move(detail));
}

void MemberReader::refuse(std::string_view name, std::string_view takes, JsonValue found) {
    refuse(joined({prefix_, name, " must be ", takes, ". It is ", describe_json(found), "."}));
}

Result<> MemberReader::error() const {
    if (ok()) return {};
    return fail(Errc::argument_invalid, **fault_);
}

}  // namespace carillon
