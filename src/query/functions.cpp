#include "query/functions.hpp"

#include "base/text.hpp"
#include "query/value.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

namespace carillon::query {
namespace {

constexpr std::size_t any_number = static_cast<std::size_t>(-1);

constexpr FunctionRow function_rows[] = {
    {"IS_DEFINED", Function::is_defined, 1, 1, FunctionSet::strict},
    {"STARTSWITH", Function::starts_with, 2, 2, FunctionSet::strict},
    {"ARRAY_CONTAINS", Function::array_contains, 2, 2, FunctionSet::strict},
    {"IS_NULL", Function::is_null, 1, 1, FunctionSet::strict},
    {"IS_BOOL", Function::is_bool, 1, 1, FunctionSet::strict},
    {"IS_NUMBER", Function::is_number, 1, 1, FunctionSet::strict},
    {"IS_STRING", Function::is_string, 1, 1, FunctionSet::strict},
    {"IS_ARRAY", Function::is_array, 1, 1, FunctionSet::strict},
    {"IS_OBJECT", Function::is_object, 1, 1, FunctionSet::strict},
    {"IS_PRIMITIVE", Function::is_primitive, 1, 1, FunctionSet::strict},
    {"ENDSWITH", Function::ends_with, 2, 2, FunctionSet::extended},
    {"ENDS_WITH", Function::ends_with, 2, 2, FunctionSet::extended},
    {"SUBSTRING", Function::substring, 2, 3, FunctionSet::extended},
    {"CONCAT", Function::concat, 2, any_number, FunctionSet::extended},
    {"LENGTH", Function::length, 1, 1, FunctionSet::extended},
    {"LOWER", Function::lower, 1, 1, FunctionSet::extended},
    {"UPPER", Function::upper, 1, 1, FunctionSet::extended},
    {"INDEX_OF", Function::index_of, 2, 3, FunctionSet::extended},
    {"ABS", Function::abs, 1, 1, FunctionSet::extended},
    {"EXP", Function::exp, 1, 1, FunctionSet::extended},
    {"POWER", Function::power, 2, 2, FunctionSet::extended},
    {"SQUARE", Function::square, 1, 1, FunctionSet::extended},
    {"SQRT", Function::sqrt, 1, 1, FunctionSet::extended},
    {"CEILING", Function::ceiling, 1, 1, FunctionSet::extended},
    {"FLOOR", Function::floor, 1, 1, FunctionSet::extended},
    {"SIGN", Function::sign, 1, 1, FunctionSet::extended},
    {"AS_NUMBER", Function::as_number, 1, 1, FunctionSet::extended},
    {"STARTS_WITH", Function::starts_with, 2, 2, FunctionSet::permissive},
    {"CONTAINS", Function::contains, 2, 2, FunctionSet::permissive},
};

using ValueKind = Value::Kind;

Value is_of_kind(Function function, const Value& value) {
    switch (function) {
        case Function::is_defined:
            return Value::of(value.is_defined());
        case Function::is_null:
            return Value::of(value.is(ValueKind::null));
        case Function::is_bool:
            return Value::of(value.is(ValueKind::boolean));
        case Function::is_number:
            return Value::of(value.is(ValueKind::number));
        case Function::is_string:
            return Value::of(value.is(ValueKind::string));
        case Function::is_array:
            return Value::of(value.is(ValueKind::array));
        case Function::is_object:
            return Value::of(value.is(ValueKind::object));
        default:
            break;
    }
    return Value::of(value.is_defined() && !value.is(ValueKind::array) && !value.is(ValueKind::object));
}

// --- text, counted in code points ----------------------------------------------------------------

bool begins_code_point(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

std::size_t code_points(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += begins_code_point(c) ? 1 : 0;
    return count;
}

/// The byte offset of code point `index`, or the end.
std::size_t offset_of(std::string_view text, double index) {
    if (!(index > 0)) return 0;
    double passed = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (begins_code_point(text[i]) && passed++ >= index) return i;
    }
    return text.size();
}

std::string upper_ascii(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return out;
}

/// Looks for `part` from byte `from` on; `npos` if it is not there. In linear time, for what repeats
/// itself as well, which `std::string_view::find` does not promise.
std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) {
    if (from > text.size()) return std::string_view::npos;
    const void* const found = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
    if (found == nullptr) return std::string_view::npos;
    return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

/// `memmem` compares parts of up to 256 bytes by trial, at most 32 bytes in the time of one; longer ones
/// it finds in a pass or two.
std::uint64_t steps_to_find(std::string_view text, std::string_view part) {
    constexpr std::size_t tried_bytes_max = 256;
    const std::size_t passes = 2 + (part.size() <= tried_bytes_max ? part.size() / 32 : 0);
    return steps_to_read(text.size() + part.size()) * passes;
}

Value substring(std::string_view text, std::span<const Value> rest) {
    for (const Value& value : rest) {
        if (!value.is(ValueKind::number)) return {};
    }
    const double start = std::max(0.0, std::trunc(rest[0].number));
    text.remove_prefix(offset_of(text, start));
    if (rest.size() > 1) text = text.substr(0, offset_of(text, std::trunc(rest[1].number)));
    return Value::of(text);
}

Value index_of(std::string_view text, std::span<const Value> rest, Scratch& scratch) {
    if (!rest[0].is(ValueKind::string)) return {};
    std::size_t from = 0;
    if (rest.size() > 1) {
        if (!rest[1].is(ValueKind::number)) return {};
        from = offset_of(text, std::trunc(rest[1].number));
    }
    const std::string_view part = text_of(rest[0], scratch);
    if (!scratch.spend(steps_to_find(text, part))) return {};
    const std::size_t at = find_text(text, part, from);
    if (at == std::string_view::npos) return Value::of(-1.0);
    return Value::of(static_cast<double>(code_points(text.substr(0, at))));
}

Value as_number(const Value& value, Scratch& scratch) {
    if (value.is(ValueKind::number)) return Value::of(value.number);
    if (!value.is(ValueKind::string)) return {};
    const std::string_view text = text_of(value, scratch);
    if (!scratch.spend(steps_to_read(text.size()))) return {};
    const JsonValue json = scratch.parse(text);
    if (!json.is_number() || !std::isfinite(json.number())) return {};
    return Value::of(json.number());
}

/// Functions of strings: the first argument is one, or the result is undefined.
Value call_on_text(Function function, std::span<const Value> values, Scratch& scratch) {
    if (!values[0].is(ValueKind::string)) return {};
    const std::string_view text = text_of(values[0], scratch);
    const bool is_prefix = function == Function::starts_with || function == Function::ends_with;
    if (!is_prefix && !scratch.spend(steps_to_read(text.size()))) return {};
    switch (function) {
        case Function::length:
            return Value::of(static_cast<double>(code_points(text)));
        case Function::lower:
            return Value::of(scratch.keep(to_lower(text)));
        case Function::upper:
            return Value::of(scratch.keep(upper_ascii(text)));
        case Function::substring:
            return substring(text, values.subspan(1));
        case Function::index_of:
            return index_of(text, values.subspan(1), scratch);
        default:
            break;
    }
    if (!values[1].is(ValueKind::string)) return {};
    const std::string_view part = text_of(values[1], scratch);
    if (!scratch.spend(is_prefix ? steps_to_copy(part.size()) : steps_to_find(text, part))) return {};
    switch (function) {
        case Function::starts_with:
            return Value::of(text.starts_with(part));
        case Function::ends_with:
            return Value::of(text.ends_with(part));
        default:
            return Value::of(find_text(text, part, 0) != std::string_view::npos);
    }
}

Value concat(std::span<const Expr> arguments, const Row& row, Scratch& scratch) {
    std::string all;
    for (const Expr& argument : arguments) {
        const Value value = evaluate(argument, row, scratch);
        if (!value.is(ValueKind::string)) return {};
        const std::string_view text = text_of(value, scratch);
        if (!scratch.spend_bytes(text.size())) return {};
        all += text;
    }
    return Value::of(scratch.keep(std::move(all)));
}

Value array_contains(const Value& array, const Value& wanted, Scratch& scratch) {
    if (!array.is(ValueKind::array) || !wanted.is_defined()) return {};
    for (JsonValue json = scratch.parse(array.text).first(); json.exists(); json = json.next()) {
        // A number is read from its text.
        if (!scratch.spend(steps_to_read(json.is_number() ? json.raw().size() : 0))) return {};
        if (compare_values(Compare::equal, from_json(json), wanted, scratch) == Truth::yes) {
            return Value::of(true);
        }
    }
    return Value::of(false);
}

// --- numbers -------------------------------------------------------------------------------------

Value finite(double number) {
    return std::isfinite(number) ? Value::of(number) : Value{};
}

Value call_on_number(Function function, std::span<const Value> values) {
    for (const Value& value : values) {
        if (!value.is(ValueKind::number)) return {};
    }
    const double x = values[0].number;
    switch (function) {
        case Function::abs:
            return Value::of(std::fabs(x));
        case Function::exp:
            return finite(std::exp(x));
        case Function::power:
            return finite(std::pow(x, values[1].number));
        case Function::square:
            return finite(x * x);
        case Function::sqrt:
            return finite(std::sqrt(x));
        case Function::ceiling:
            return Value::of(std::ceil(x));
        case Function::floor:
            return Value::of(std::floor(x));
        default:
            return Value::of(x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0);
    }
}

}  // namespace

const FunctionRow* find_function(std::string_view name, FunctionSet set) {
    for (const FunctionRow& row : function_rows) {
        if (row.since <= set && equals_ignoring_case(name, row.name)) return &row;
    }
    return nullptr;
}

Value call_function(Function function, std::span<const Expr> arguments, const Row& row, Scratch& scratch) {
    if (function == Function::concat) return concat(arguments, row, scratch);
    Value values[3];
    for (std::size_t i = 0; i < arguments.size(); ++i) values[i] = evaluate(arguments[i], row, scratch);
    const std::span<const Value> given(values, arguments.size());
    if (function <= Function::is_primitive) return is_of_kind(function, values[0]);
    if (function == Function::array_contains) return array_contains(values[0], values[1], scratch);
    if (function == Function::as_number) return as_number(values[0], scratch);
    if (function >= Function::abs) return call_on_number(function, given);
    return call_on_text(function, given, scratch);
}

}  // namespace carillon::query
