#pragma once

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Limits on configurations. Source: IoT Hub docs, "Automatic device management"; "Quotas and
/// throttling". Ours: how many metrics, and the bytes of texts that nobody evaluates.
struct ConfigurationLimits {
    static constexpr std::size_t configurations_max = 100;  ///< In a hub.
    static constexpr std::size_t id_chars_max = 128;
    static constexpr std::size_t metric_queries_max = 20;
    static constexpr std::size_t metric_name_bytes_max = 128;
    static constexpr std::size_t labels_bytes_max = 8 * 1024;
    static constexpr std::size_t schema_version_bytes_max = 64;
};

/// A standing order to give desired properties to the devices or modules that a condition selects, as a
/// back end wrote it. Source: azure-iot-hub-python: service.json; azure-iot-sdk-csharp: Configuration.cs.
struct Configuration {
    std::string id;
    std::string schema_version;  ///< Empty if there is none.
    std::string labels;          ///< A JSON object, or empty.
    std::string content;         ///< A JSON object; the same for the configuration's life.
    std::string target_condition;
    std::int32_t priority = 0;                                        ///< The higher one wins.
    std::vector<std::pair<std::string, std::string>> metric_queries;  ///< By name, sorted.
    WallTime created;
    WallTime updated;
    std::uint64_t etag = 1;  ///< Printed as base64 of its decimal digits.

    /// Reads the body of a PUT of `id`; times and `etag` in it are ignored, and content, condition and
    /// queries are not looked into. Fails with `argument_invalid`, with `iot_hub_format_error` if `body`
    /// is not an object, with `invalid_configuration_content` if there is no content.
    static Result<Configuration> parse(std::string_view id, JsonValue body);

    /// What the hub keeps of it, as JSON, and back. `decode` fails with `store_corrupt`.
    std::string encode() const;
    static Result<Configuration> decode(std::string_view stored);
};

/// True for an id that a configuration may have.
bool is_configuration_id(std::string_view id);

/// What was counted about a configuration.
struct ConfigurationCounts {
    std::int64_t targeted = 0;  ///< Twins its condition selects.
    std::int64_t applied = 0;   ///< Of these, twins that hold something it sets.
    std::vector<std::pair<std::string, std::int64_t>> custom;  ///< By name of the query; those that were run.
};
/// Appends the object a back end sees; without `counts` the results are empty, as for one just made.
void append_configuration_json(std::string& out, const Configuration& configuration,
                               const std::optional<ConfigurationCounts>& counts);

}  // namespace carillon
