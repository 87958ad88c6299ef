#pragma once

#include "model/configuration.hpp"
#include "model/configuration_content.hpp"
#include "model/configuration_states.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// Numbers the configurations of a hub in order of creation; not given again while a twin may refer to
/// it, so that one made anew under an old id is another.
using ConfigurationNumber = std::uint32_t;

/// What conditions and metrics that are on disk may hold: they were accepted once, perhaps under wider
/// settings than today's, and a hub that refused them could not start.
inline constexpr query::QueryOptions stored_query_options{.functions = query::FunctionSet::permissive};

/// A configuration as shards work with it. Immutable.
struct ConfigurationRule {
    ConfigurationNumber number = 0;
    Configuration configuration;
    ConfigurationContent content;
    /// Nothing: selects no twin, as a configuration without a condition does.
    /// Source: azure-iot-cli-extension, `iot hub configuration create`, target condition.
    std::optional<query::Condition> condition;
    bool is_removed = false;  ///< Only known for what it once gave.

    /// Fails with `invalid_configuration_content`, `invalid_configuration_target_condition`,
    /// `invalid_configuration_custom_metrics_query`.
    /// `options` say what its condition and its metrics may hold.
    static Result<std::shared_ptr<const ConfigurationRule>> make(ConfigurationNumber number,
                                                                 Configuration configuration,
                                                                 const query::QueryOptions& options = {});
    /// True if the twin is one that this configuration is for; false where that takes more than `meter`
    /// allows.
    bool selects(const query::Row& row, query::Meter& meter) const {
        return row.key()->is_module() == (content.of == ConfigurationContent::Of::modules) && condition &&
               condition->keeps(row, meter);
    }
};

/// Reads a metric's query, whose rows are counted: of devices or modules, without aggregates. One without
/// FROM is of what the content is for. Fails with `invalid_configuration_custom_metrics_query`. Source: IoT
/// Hub docs, "Automatic device management", metrics; azure-iot-cli-extension, whose example is `select *`.
Result<query::Query> parse_metric_query(std::string_view text, ConfigurationContent::Of of,
                                        const query::QueryOptions& options = {});
/// Reads a target condition; nothing if it is empty. Fails with `invalid_configuration_target_condition`,
/// also if it is about modules where the content is about devices, or the reverse.
Result<std::optional<query::Condition>> parse_target(std::string_view text, ConfigurationContent::Of of,
                                                     const query::QueryOptions& options = {});

/// All configurations of a hub at one time. Immutable, shared by its shards.
struct ConfigurationSet {
    using Rule = std::shared_ptr<const ConfigurationRule>;

    std::uint64_t epoch = 0;                    ///< Rises when rules change, in this run of the hub.
    std::vector<Rule> rules;                    ///< The weakest first; without removed ones.
    std::map<ConfigurationNumber, Rule> known;  ///< Removed ones too, while a twin may hold what they gave.

    ConfigurationSet(std::map<ConfigurationNumber, Rule> all, std::uint64_t of_epoch);
};

/// What the configurations of `numbers`, the weakest first, make of a twin together. Immutable, shared by
/// all twins of a shard for which it is the same: contents never change, so it follows from the numbers.
struct ConfigurationLayers : ConfigurationStates {
    std::vector<ConfigurationNumber> numbers;
    std::vector<bool> is_applied;  ///< For each of `numbers`.
    /// The twin has no room for them, so it is given nothing and all are only targeted.
    bool is_refused = false;
    static std::shared_ptr<const ConfigurationLayers> make(std::vector<ConfigurationNumber> numbers,
                                                           bool is_refused, const ConfigurationSet& set);
    /// What is given, as `layer_settings` writes it.
    JsonValue given() const { return given_.root(); }

private:
    ConfigurationLayers(std::vector<State> states, std::unique_ptr<const std::string> text,
                        JsonDocument given);

    std::unique_ptr<const std::string> text_;  ///< Viewed by `given_`.
    JsonDocument given_;
};

// The rows of `Table::configurations`; formats in docs/storage.md.

std::string configuration_key(ConfigurationNumber number);
inline constexpr char configurations_from[] = "d";
inline constexpr char configurations_to[] = "e";
/// A definition, and whether it is removed.
std::string encode_configuration(const ConfigurationRule& rule);
/// Fails with `store_corrupt`.
Result<std::shared_ptr<const ConfigurationRule>> decode_configuration(std::string_view key,
                                                                      std::string_view stored);

}  // namespace carillon
