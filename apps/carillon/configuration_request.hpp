#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What the flags of `carillon configuration create` and `update` say. JSON texts have been read, and are
/// empty where nothing was given.
struct ConfigurationOrder {
    std::string id;
    std::string content;  ///< `{"deviceContent":…}`, or that as the member `content`.
    std::string labels;
    std::string metrics;  ///< `{"queries":…}`, or that as the member `metrics`.
    std::optional<std::string> target_condition;
    std::optional<std::int32_t> priority;
    /// `--set NAME=VALUE`: targetCondition, priority, labels or metrics.
    std::vector<std::string> sets;
};

/// Puts what `order.sets` say into the order's members. Fails with `config_invalid`.
/// Source: azure-iot-cli-extension, `iot hub configuration update --set`.
Result<> take_sets(ConfigurationOrder& order);

/// The configuration to create. Fails with `config_invalid`.
Result<std::string> new_configuration_json(const ConfigurationOrder& order);

/// The configuration `current_json` with the order's changes. The service replaces configurations whole,
/// so what is not sent is lost. Fails with `config_invalid`, `malformed_packet`.
Result<std::string> changed_configuration_json(const ConfigurationOrder& order,
                                               std::string_view current_json);

/// The statement of a metric of the configuration `current_json`, one of its own or, if `is_system`,
/// of the system's, with the FROM that it may leave out. Fails with `not_found_locally`.
Result<std::string> metric_statement(std::string_view current_json, std::string_view metric, bool is_system);

}  // namespace carillon
