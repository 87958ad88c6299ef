// Our JSON parser against simdjson's: what one accepts the other does, and they read the same values.

#include "base/json.hpp"
#include "base/json_check.hpp"
#include "base/json_number.hpp"
#include "base/result.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cmath>

namespace {

using carillon::JsonDocument;
using carillon::JsonKind;
using carillon::JsonValue;
namespace dom = simdjson::dom;

/// True if `text` holds a number that simdjson refuses to represent: an integer of more than 64 bits,
/// or one beyond the range of double. Looks at the text, as it may belong to a member that a later one
/// of the same name replaced.
bool has_unrepresentable_number(std::string_view text) {
    constexpr std::string_view number_characters = "0123456789+-.eE";
    for (;;) {
        text.remove_prefix(std::min(text.find_first_of(number_characters), text.size()));
        if (text.empty()) return false;
        const std::string_view run = text.substr(0, text.find_first_not_of(number_characters));
        text.remove_prefix(run.size());
        if (!carillon::is_json_number(run)) continue;
        const double value = carillon::json_number_value(run);
        const bool written_as_integer = run.find_first_of(".eE") == std::string_view::npos;
        if (std::isinf(value) || (written_as_integer && std::fabs(value) >= 9.2e18)) return true;
    }
}

void compare_number(JsonValue ours, dom::element theirs) {
    if (theirs.is_int64()) {
        CARILLON_ASSERT(ours.integer() == theirs.get_int64().value());
    } else if (theirs.is_uint64()) {
        CARILLON_ASSERT(ours.number() == static_cast<double>(theirs.get_uint64().value()));
    } else {
        CARILLON_ASSERT(theirs.is_double() && ours.number() == theirs.get_double().value());
        if (const auto integer = ours.integer())
            CARILLON_ASSERT(static_cast<double>(*integer) == ours.number());
    }
    CARILLON_ASSERT(carillon::is_json_number(ours.raw()));
}

void compare(JsonValue ours, dom::element theirs);

void compare_object(JsonValue ours, dom::object theirs) {
    std::size_t count = 0;
    for (JsonValue v = ours.first(); v.exists(); v = v.next(), ++count) {
        dom::element last;
        bool found = false;
        for (const auto field : theirs) {
            if (field.key != v.key()) continue;
            last = field.value;
            found = true;
        }
        CARILLON_ASSERT(found);
        compare(v, last);
        CARILLON_ASSERT(ours.find(v.key()).raw() == v.raw());
    }
    CARILLON_ASSERT(count == ours.size());
    for (const auto field : theirs) CARILLON_ASSERT(ours.find(field.key).exists());
}

void compare(JsonValue ours, dom::element theirs) {
    switch (ours.kind()) {
        case JsonKind::null:
            CARILLON_ASSERT(theirs.is_null());
            return;
        case JsonKind::boolean:
            CARILLON_ASSERT(theirs.is_bool() && theirs.get_bool().value() == ours.boolean());
            return;
        case JsonKind::number:
            compare_number(ours, theirs);
            return;
        case JsonKind::string:
            CARILLON_ASSERT(theirs.get_string().value() == ours.string());
            return;
        case JsonKind::array: {
            JsonValue v = ours.first();
            const dom::array elements = theirs.get_array().value();
            for (const dom::element element : elements) {
                CARILLON_ASSERT(v.exists());
                compare(v, element);
                v = v.next();
            }
            CARILLON_ASSERT(!v.exists());
            return;
        }
        case JsonKind::object:
            compare_object(ours, theirs.get_object().value());
            return;
        case JsonKind::absent:
            CARILLON_ASSERT(false);
            return;
    }
}

/// Every value's raw text is JSON by itself, and strings survive being written, in either form.
void check_round_trip(JsonValue value) {
    if (value.is_string()) {
        for (const bool ascii : {false, true}) {
            std::string literal;
            carillon::append_json_string(literal, value.string(), ascii);
            const auto again = JsonDocument::parse(literal);
            CARILLON_ASSERT(again && again->root().string() == value.string());
        }
    }
    const auto alone = JsonDocument::parse(value.raw());
    CARILLON_ASSERT(alone && alone->root().kind() == value.kind() && alone->root().size() == value.size());
    for (JsonValue v = value.first(); v.exists(); v = v.next()) check_round_trip(v);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static dom::parser parser;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.substr(0, 3) == "\xEF\xBB\xBF") return 0;  // a byte order mark is a matter of taste

    const auto ours = JsonDocument::parse(text);
    CARILLON_ASSERT(carillon::is_json(text) == ours.has_value());
    dom::element theirs;
    const simdjson::error_code error = parser.parse(text.data(), text.size()).get(theirs);
    if (!ours) {
        const std::string& detail = ours.error().detail;
        if (detail.find("too deep") != std::string::npos || detail.find("surrogate") != std::string::npos)
            return 0;
        CARILLON_ASSERT(error != simdjson::SUCCESS);
        return 0;
    }
    if (error != simdjson::SUCCESS) {
        CARILLON_ASSERT(has_unrepresentable_number(text));
        return 0;
    }
    compare(ours->root(), theirs);
    if (size <= 1024) check_round_trip(ours->root());
    return 0;
}
