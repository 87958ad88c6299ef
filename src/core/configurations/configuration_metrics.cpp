// The metrics of configurations: how many rows their queries have, counted now and then.

#include "base/log.hpp"
#include "core/configurations/configuration_engine.hpp"
#include "core/scan/query_scan.hpp"
#include "query/with_from.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>

// gcc 12 takes Asio's pooled coroutine frames for memory freed by the wrong function.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace carillon {

/// Counts all now, unless that is under way; and from then on at the interval.
void Configurations::Engine::count_metrics() {
    shard.timers().cancel(metrics_timer);
    if (is_counting || is_stopping) return;
    const bool is_needed = std::any_of(rules.begin(), rules.end(), [](const auto& entry) {
        return !entry.second->is_removed && !entry.second->configuration.metric_queries.empty();
    });
    if (!is_needed) return;
    is_counting = true;
    auto ended = [](const std::exception_ptr& problem) {
        if (problem) log.error("metrics of configurations ended by an exception");
    };
    boost::asio::co_spawn(shard.executor(), count_all(), std::move(ended));
}

Task<> Configurations::Engine::count_all() {
    const auto begun = shard.clock().now();
    const auto counted_epoch = epoch;
    const ConfigurationSet set(rules, epoch);
    for (const Rule& rule : set.rules) {
        std::vector<std::pair<std::string, std::int64_t>> counted;
        for (const auto& [name, text] : rule->configuration.metric_queries) {
            if (is_stopping) break;
            const auto rows = co_await count_rows(text, rule->content.of);
            if (rows) {
                counted.emplace_back(name, *rows);
            } else {
                log.warn("metric not counted configuration={} metric={} reason={}", rule->configuration.id,
                         name, rows.error().detail);
            }
        }
        // It may have been changed or removed meanwhile.
        const auto now = rules.find(rule->number);
        if (now != rules.end() && now->second == rule && !counted.empty()) {
            metrics[rule->number] = std::move(counted);
        }
    }
    is_counting = false;
    if (is_stopping) {
        if (at_rest) at_rest->leave(true);
        co_return;
    }
    if (counted_epoch != epoch) co_return count_metrics();
    const auto took = shard.clock().now() - begun;
    const Duration pause = std::max<Duration>(paces.metrics_interval, took * (metrics_share - 1));
    metrics_timer =
        shard.timers().at(shard.clock().now() + pause, callbacks.bind([this] { count_metrics(); }));
}

/// One shard after the other, as nobody waits for it.
Task<Result<std::int64_t>> Configurations::Engine::count_rows(std::string text, ConfigurationContent::Of of) {
    const auto metric = parse_metric_query(text, of, stored_query_options);
    if (!metric) co_return fail(metric.error());
    ScanPlan::Statement statement{query::with_from(text, metric->collection), stored_query_options, true};
    const auto plan = ScanPlan::parse(std::move(statement));
    if (!plan) co_return fail(plan.error());
    query::Aggregation all((*plan)->query);
    for (std::size_t i = 0; i < port.count(); ++i) {
        auto scan = port.ask(i, ScanGroups{*plan});
        auto groups = co_await std::move(scan);
        if (!groups) co_return fail(std::move(groups).error());
        auto merged = all.merge(std::move(**groups));
        if (!merged) co_return fail(std::move(merged).error());
    }
    const auto rows = all.rows();
    const auto json = JsonDocument::parse(rows.front());
    CARILLON_ASSERT(json);
    co_return json->root().find("n").integer().value_or(0);
}

Task<> Configurations::Engine::stop() {
    is_stopping = true;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        auto stop_part = [part = parts[i]](Shard&) {
            part->stop();
            return true;
        };
        co_await shards.call(shards[i], stop_part);
    }
    if (!is_counting) co_return;
    at_rest = std::make_shared<Pending<bool>>();
    co_await take(at_rest);
}

}  // namespace carillon
