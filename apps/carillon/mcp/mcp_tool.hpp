#pragma once

#include "base/json.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// One argument of a tool.
struct McpParameter {
    enum class Kind : std::uint8_t { text, count, index, object, any };

    std::string_view name;
    Kind kind = Kind::text;
    bool is_required = false;
    std::string_view description;
};

/// A tool that a model may call. Source: Model Context Protocol 2025-06-18, "Tools".
struct McpTool {
    /// What it does to the hub, for the hints that the client gets.
    enum class Effect : std::uint8_t { reads, changes, destroys };

    std::string_view name;
    std::string_view title;
    std::string_view description;
    Effect effect = Effect::reads;
    std::vector<McpParameter> parameters;
    /// Gets arguments that `check_arguments` has passed; gives JSON text.
    std::function<Result<std::string>(JsonValue arguments)> run;
};

/// Fails with `argument_invalid` for a member that is missing, unknown or of another kind. A count is a whole
/// number from 1 to 1,000,000, an index one from 0.
Result<> check_arguments(const McpTool& tool, JsonValue arguments);

/// The JSON Schema of a tool's arguments.
std::string input_schema(const McpTool& tool);

}  // namespace carillon
