#include "core/configurations/configuration_rules.hpp"

#include "base/stored_number.hpp"
#include "base/text.hpp"
#include "query/with_from.hpp"

#include <algorithm>
#include <utility>

namespace carillon {
namespace {

query::Collection collection_of(ConfigurationContent::Of of) {
    return of == ConfigurationContent::Of::devices ? query::Collection::devices : query::Collection::modules;
}

bool is_weaker(const ConfigurationSet::Rule& a, const ConfigurationSet::Rule& b) {
    // Of equal ones the newest wins. Source: IoT Hub docs, "Understand IoT Edge automatic deployments".
    return std::pair(a->configuration.priority, a->number) < std::pair(b->configuration.priority, b->number);
}

}  // namespace

Result<query::Query> parse_metric_query(std::string_view text, ConfigurationContent::Of of,
                                        const query::QueryOptions& options) {
    constexpr auto refusal = Errc::invalid_configuration_custom_metrics_query;
    auto query = query::parse_query(query::with_from(text, collection_of(of)), options);
    if (!query) return fail(refusal, std::move(query).error().detail);
    if (query->collection == query::Collection::jobs || query->is_aggregated() || query->top) {
        return fail(refusal,
                    "A metric counts the rows of a query over devices or devices.modules, "
                    "without TOP, GROUP BY and aggregates.");
    }
    return query;
}

Result<std::optional<query::Condition>> parse_target(std::string_view text, ConfigurationContent::Of of,
                                                     const query::QueryOptions& options) {
    std::optional<query::Condition> none;
    if (trimmed(text).empty()) return none;
    auto condition = query::parse_target_condition(text, options);
    if (!condition) return fail(std::move(condition).error());
    // A bare condition is of whatever the content is for.
    const bool says_from = condition->collection != query::Collection::devices ||
                           equals_ignoring_case(trimmed(text).substr(0, 4), "from");
    if (says_from && condition->collection != collection_of(of)) {
        return fail(Errc::invalid_configuration_target_condition,
                    "The target condition is of another collection than the content.");
    }
    return std::optional(std::move(condition->where));
}

Result<std::shared_ptr<const ConfigurationRule>> ConfigurationRule::make(ConfigurationNumber number,
                                                                         Configuration configuration,
                                                                         const query::QueryOptions& options) {
    auto rule = std::make_shared<ConfigurationRule>();
    const auto json = JsonDocument::parse(configuration.content);
    if (!json) return fail(Errc::invalid_configuration_content, json.error().detail);
    auto content = ConfigurationContent::parse(json->root());
    if (!content) return fail(std::move(content).error());
    auto condition = parse_target(configuration.target_condition, content->of, options);
    if (!condition) return fail(std::move(condition).error());
    for (const auto& [name, text] : configuration.metric_queries) {
        if (auto query = parse_metric_query(text, content->of, options); !query)
            return fail(std::move(query).error());
    }
    rule->number = number;
    rule->content = *std::move(content);
    rule->condition = *std::move(condition);
    rule->configuration = std::move(configuration);
    return rule;
}

ConfigurationSet::ConfigurationSet(std::map<ConfigurationNumber, Rule> all, std::uint64_t of_epoch)
    : epoch(of_epoch), known(std::move(all)) {
    for (const auto& [number, rule] : known) {
        if (!rule->is_removed) rules.push_back(rule);
    }
    std::sort(rules.begin(), rules.end(), is_weaker);
}

ConfigurationLayers::ConfigurationLayers(std::vector<State> states, std::unique_ptr<const std::string> text,
                                         JsonDocument given)
    : ConfigurationStates(std::move(states)), text_(std::move(text)), given_(std::move(given)) {}

std::shared_ptr<const ConfigurationLayers> ConfigurationLayers::make(std::vector<ConfigurationNumber> numbers,
                                                                     bool is_refused,
                                                                     const ConfigurationSet& set) {
    std::vector<const ConfigurationSettings*> layers;
    std::vector<State> states;
    for (const auto number : numbers) {
        const auto& rule = *set.known.at(number);
        layers.push_back(&rule.content.settings);
        states.push_back({rule.configuration.id, false});
    }
    LayeredSettings given;
    if (!is_refused) {
        // Each had room by itself; together they may have none.
        auto layered = layer_settings(layers);
        is_refused = !layered.has_value();
        if (layered) given = *std::move(layered);
    }
    given.is_in_force.resize(numbers.size());
    for (std::size_t i = 0; i < states.size(); ++i) states[i].is_applied = given.is_in_force[i];
    std::sort(states.begin(), states.end(), [](const State& a, const State& b) { return a.id < b.id; });

    auto text = std::make_unique<const std::string>(std::move(given.json));
    auto parsed = JsonDocument::parse(*text);
    CARILLON_ASSERT(parsed);
    std::shared_ptr<ConfigurationLayers> made(
        new ConfigurationLayers(std::move(states), std::move(text), *std::move(parsed)));
    made->numbers = std::move(numbers);
    made->is_applied = std::move(given.is_in_force);
    made->is_refused = is_refused;
    return made;
}

std::string configuration_key(ConfigurationNumber number) {
    std::string key = configurations_from;
    append_be(key, number);
    return key;
}

std::string encode_configuration(const ConfigurationRule& rule) {
    return (rule.is_removed ? '-' : '+') + rule.configuration.encode();
}

Result<std::shared_ptr<const ConfigurationRule>> decode_configuration(std::string_view key,
                                                                      std::string_view stored) {
    const auto number = read_be<ConfigurationNumber>(key.substr(1));
    const bool is_removed = stored.starts_with('-');
    if (number == 0 || (!is_removed && !stored.starts_with('+'))) {
        return fail(Errc::store_corrupt, "a stored configuration does not decode");
    }
    auto configuration = Configuration::decode(stored.substr(1));
    if (!configuration) return fail(std::move(configuration).error());
    auto rule = ConfigurationRule::make(number, *std::move(configuration), stored_query_options);
    if (!rule) return fail(Errc::store_corrupt, "a stored configuration is refused: " + rule.error().detail);
    if (!is_removed) return rule;
    auto removed = std::make_shared<ConfigurationRule>(**rule);
    removed->is_removed = true;
    return std::shared_ptr<const ConfigurationRule>(std::move(removed));
}

}  // namespace carillon
