#pragma once

#include "query/query.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace carillon::query {

enum class Function : std::uint8_t {
    is_defined,
    is_null,
    is_bool,
    is_number,
    is_string,
    is_array,
    is_object,
    is_primitive,
    starts_with,
    ends_with,
    contains,
    array_contains,
    substring,
    concat,
    length,
    lower,
    upper,
    index_of,
    abs,
    exp,
    power,
    square,
    sqrt,
    ceiling,
    floor,
    sign,
    as_number,
};

/// A row of the function table.
struct FunctionRow {
    std::string_view name;  ///< Upper case; matched in any case.
    Function function;
    std::size_t arguments_min;
    std::size_t arguments_max;
    FunctionSet since;  ///< The smallest set that has it.
};

/// The function of that name, or null if `set` has none.
/// Source: IoT Hub docs, "IoT Hub query language" (IS_DEFINED); azure-iot-explorer (STARTSWITH);
/// azure-iot-cli-extension: hub.py (ARRAY_CONTAINS); azure-docs issue 85381 (no STARTS_WITH).
const FunctionRow* find_function(std::string_view name, FunctionSet set);

struct Value;
struct Expr;
class Scratch;

/// Calls `function`; the binder has counted the arguments.
Value call_function(Function function, std::span<const Expr> arguments, const Row& row, Scratch& scratch);

}  // namespace carillon::query
