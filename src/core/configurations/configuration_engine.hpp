#pragma once

#include "base/callback_scope.hpp"
#include "base/pending.hpp"
#include "core/configurations/configuration_shard.hpp"
#include "core/configurations/configurations.hpp"
#include "core/port/shard_port.hpp"
#include "core/shard/shards.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// What is behind `Configurations`: decides what configurations there are, on shard 0; all members but
/// `load` are for its thread.
struct Configurations::Engine {
    Engine(Shards& s, ShardPort& p, const query::QueryOptions& o);

    Result<> load();
    void start();
    Task<> stop();
    Task<Result<ConfigurationView>> put(Configuration wanted, EtagMatch match);
    Task<Result<>> remove(std::string id, EtagMatch match);
    Task<Result<ConfigurationView>> find(std::string id);
    Task<std::vector<ConfigurationView>> list();

    using Rule = ConfigurationSet::Rule;
    using Counts = std::map<ConfigurationNumber, ConfigurationShard::Counts>;

    Rule find_rule(const std::string& id) const;
    Task<Result<>> take_turn();
    Result<Rule> staged(Configuration wanted, const EtagMatch& match);
    Task<Result<>> save(Rule rule);
    void publish(bool has_changed);
    void clean(std::size_t part, ConfigurationNumber number);
    void forget(ConfigurationNumber number);
    void passed(std::size_t part, std::uint64_t passed_epoch);
    Task<Result<Counts>> gather();
    ConfigurationView view(const Rule& rule, const Counts& counts) const;
    void count_metrics();
    Task<> count_all();
    Task<Result<std::int64_t>> count_rows(std::string text, ConfigurationContent::Of of);
    void after(Duration delay, UniqueFunction<void()> fire);
    void on_own_thread(UniqueFunction<void()> work);

    Shards& shards;
    ShardPort& port;
    Shard& shard;
    const query::QueryOptions options;  ///< What conditions and metrics may hold.
    ConfigurationPaces paces;
    std::vector<std::shared_ptr<ConfigurationShard>> parts;
    std::map<ConfigurationNumber, Rule> rules;  ///< Removed ones too, until every part is clean of them.
    std::map<ConfigurationNumber, std::set<std::size_t>> cleaned;  ///< Parts that are clean of a removed one.
    ConfigurationNumber last_number = 0;
    std::uint64_t epoch = 1;
    std::vector<std::uint64_t> passed_epochs;  ///< By part.
    /// What own metrics counted last, by configuration.
    std::map<ConfigurationNumber, std::vector<std::pair<std::string, std::int64_t>>> metrics;
    std::shared_ptr<Pending<bool>> at_rest;  ///< Somebody waits for the counting to end.
    Timers::Id metrics_timer;
    bool is_changing = false;  ///< A change is on its way to disk; the next one waits.
    bool is_counting = false;
    bool is_stopping = false;
    CallbackScope callbacks;
};

}  // namespace carillon
