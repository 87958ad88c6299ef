#include "core/configurations/configurations.hpp"

#include "base/log.hpp"
#include "core/configurations/configuration_engine.hpp"
#include "model/identity.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>

namespace carillon {

Configurations::Engine::Engine(Shards& s, ShardPort& p, const query::QueryOptions& o)
    : shards(s), port(p), shard(s.first()), options(o), passed_epochs(s.count()) {
    for (std::size_t i = 0; i < shards.count(); ++i) {
        ConfigurationNews news;
        news.passed = [this, i](std::uint64_t passed_epoch) {
            on_own_thread([this, i, passed_epoch] { passed(i, passed_epoch); });
        };
        news.clean = [this, i](ConfigurationNumber number) {
            on_own_thread([this, i, number] { clean(i, number); });
        };
        parts.push_back(std::make_shared<ConfigurationShard>(shards[i], std::move(news)));
        port.seat(i).configurations = parts.back().get();
    }
}

void Configurations::Engine::on_own_thread(UniqueFunction<void()> work) {
    boost::asio::post(shard.executor(), callbacks.bind(std::move(work)));
}

void Configurations::Engine::after(Duration delay, UniqueFunction<void()> fire) {
    shard.timers().at(shard.clock().now() + delay, callbacks.bind(std::move(fire)));
}

Result<> Configurations::Engine::load() {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto rule = decode_configuration(key, value);
        if (!rule) {
            outcome = fail(std::move(rule).error());
            return false;
        }
        last_number = (*rule)->number;
        rules.emplace(last_number, *std::move(rule));
        return true;
    };
    auto scanned = shard.store().scan(Table::configurations, configurations_from, configurations_to, visit);
    if (!scanned || !outcome) return scanned ? outcome : scanned;
    const auto set = std::make_shared<const ConfigurationSet>(rules, epoch);
    for (const auto& part : parts) {
        if (auto loaded = part->load(set); !loaded) return loaded;
    }
    return {};
}

void Configurations::Engine::start() {
    publish(false);
}

/// Gives the parts the configurations there are now. If only what was removed is forgotten, they need not
/// look at their twins again.
void Configurations::Engine::publish(bool has_changed) {
    if (has_changed) ++epoch;
    const auto set = std::make_shared<const ConfigurationSet>(rules, epoch);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        Shards::post(shards[i], [part = parts[i], set] { part->install(set); });
    }
}

// --- what back ends ask for --------------------------------------------------------------------------

Configurations::Engine::Rule Configurations::Engine::find_rule(const std::string& id) const {
    for (const auto& [number, rule] : rules) {
        if (!rule->is_removed && rule->configuration.id == id) return rule;
    }
    return nullptr;
}

/// Changes go to disk one after the other, so that each is checked against what is there.
Task<Result<>> Configurations::Engine::take_turn() {
    while (is_changing) {
        const auto settled = co_await shard.committer().durable();
        if (!settled) co_return fail(unavailable(settled.error()));
    }
    co_return Result<>{};
}

Result<Configurations::Engine::Rule> Configurations::Engine::staged(Configuration wanted,
                                                                    const EtagMatch& match) {
    const Rule existing = find_rule(wanted.id);
    if (match.is_absent() && existing) {
        return fail(Errc::configuration_already_exists,
                    fmt::format("A configuration with ID '{}' already exists.", wanted.id));
    }
    if (!match.is_absent() && !existing) return fail(Errc::configuration_not_found, wanted.id);
    wanted.updated = shard.clock().wall_now();
    if (existing) {
        const Configuration& before = existing->configuration;
        if (!match.accepts(identity_etag_text(before.etag))) {
            return fail(Errc::precondition_failed, "PreconditionFailed, ETag may be invalid.");
        }
        // Another content is passed over in silence, as by the service.
        wanted.content = before.content;
        wanted.created = before.created;
        wanted.etag = before.etag + 1;
        return ConfigurationRule::make(existing->number, std::move(wanted), options);
    }
    const auto count = std::count_if(rules.begin(), rules.end(),
                                     [](const auto& entry) { return !entry.second->is_removed; });
    if (static_cast<std::size_t>(count) >= ConfigurationLimits::configurations_max) {
        return fail(
            Errc::configuration_count_limit_exceeded,
            fmt::format("A hub has at most {} configurations.", ConfigurationLimits::configurations_max));
    }
    wanted.created = wanted.updated;
    return ConfigurationRule::make(++last_number, std::move(wanted), options);
}

Task<Result<>> Configurations::Engine::save(Rule rule) {
    is_changing = true;
    shard.committer().batch().put(Table::configurations, configuration_key(rule->number),
                                  encode_configuration(*rule));
    const auto saved = co_await shard.committer().durable();
    is_changing = false;
    if (!saved) co_return fail(unavailable(saved.error()));
    rules[rule->number] = rule;
    metrics.erase(rule->number);
    publish(true);
    co_return Result<>{};
}

Task<Result<ConfigurationView>> Configurations::Engine::put(Configuration wanted, EtagMatch match) {
    const auto turn = co_await take_turn();
    if (!turn) co_return fail(turn.error());
    auto rule = staged(std::move(wanted), match);
    if (!rule) co_return fail(std::move(rule).error());
    const auto saved = co_await save(*rule);
    if (!saved) co_return fail(saved.error());
    log.info("configuration written id={} priority={}", (*rule)->configuration.id,
             (*rule)->configuration.priority);
    ConfigurationView written;
    written.configuration = (*rule)->configuration;
    if (match.is_absent()) co_return written;
    const auto counts = co_await gather();
    if (counts) co_return view(*rule, *counts);
    co_return written;
}

Task<Result<>> Configurations::Engine::remove(std::string id, EtagMatch match) {
    const auto turn = co_await take_turn();
    if (!turn) co_return fail(turn.error());
    const Rule existing = find_rule(id);
    if (!existing) co_return fail(Errc::configuration_not_found, std::move(id));
    if (!match.accepts(identity_etag_text(existing->configuration.etag))) {
        co_return fail(Errc::precondition_failed, "PreconditionFailed, ETag may be invalid.");
    }
    auto removed = std::make_shared<ConfigurationRule>(*existing);
    removed->is_removed = true;
    const auto saved = co_await save(std::move(removed));
    if (!saved) co_return fail(saved.error());
    log.info("configuration removed id={}", id);
    co_return Result<>{};
}

Task<Result<Configurations::Engine::Counts>> Configurations::Engine::gather() {
    Counts all;
    auto counting = port.ask_all(CountConfigurations());
    for (const auto& there : co_await std::move(counting)) {
        if (!there) co_return fail(there.error());
        for (const ConfigurationCount& count : *there) {
            all[count.number].targeted += count.targeted;
            all[count.number].applied += count.applied;
        }
    }
    co_return all;
}

ConfigurationView Configurations::Engine::view(const Rule& rule, const Counts& counts) const {
    ConfigurationView seen;
    seen.configuration = rule->configuration;
    ConfigurationCounts& shown = seen.counts.emplace();
    if (const auto found = counts.find(rule->number); found != counts.end()) {
        shown.targeted = found->second.targeted;
        shown.applied = found->second.applied;
    }
    if (const auto found = metrics.find(rule->number); found != metrics.end()) shown.custom = found->second;
    return seen;
}

Task<Result<ConfigurationView>> Configurations::Engine::find(std::string id) {
    const auto counts = co_await gather();
    const Rule rule = find_rule(id);
    if (!rule) co_return fail(Errc::configuration_not_found, std::move(id));
    if (!counts) co_return fail(counts.error());
    co_return view(rule, *counts);
}

Task<std::vector<ConfigurationView>> Configurations::Engine::list() {
    std::vector<ConfigurationView> all;
    for (const auto& [number, rule] : rules) {
        if (!rule->is_removed) all.push_back({rule->configuration, std::nullopt});
    }
    std::sort(all.begin(), all.end(), [](const ConfigurationView& a, const ConfigurationView& b) {
        return a.configuration.id < b.configuration.id;
    });
    co_return all;
}

// --- what the parts say ------------------------------------------------------------------------------

void Configurations::Engine::clean(std::size_t part, ConfigurationNumber number) {
    auto& by = cleaned[number];
    by.insert(part);
    if (by.size() < parts.size()) return;
    cleaned.erase(number);
    forget(number);
}

void Configurations::Engine::forget(ConfigurationNumber number) {
    shard.committer().batch().erase(Table::configurations, configuration_key(number));
    shard.committer().on_durable(callbacks.bind([this, number](const Result<>& result) {
        if (!result) return after(retry_delay, [this, number] { forget(number); });
        rules.erase(number);
        metrics.erase(number);
        cleaned.erase(number);
        publish(false);
    }));
}

void Configurations::Engine::passed(std::size_t part, std::uint64_t passed_epoch) {
    passed_epochs[part] = passed_epoch;
    const auto is_current = [this](std::uint64_t one) { return one == epoch; };
    if (!std::all_of(passed_epochs.begin(), passed_epochs.end(), is_current)) return;
    log.info("configurations in force epoch={}", epoch);
    count_metrics();
}

// --- for every thread --------------------------------------------------------------------------------

Configurations::Configurations(Shards& shards, ShardPort& port, const query::QueryOptions& options)
    : engine_(std::make_unique<Engine>(shards, port, options)) {}
Configurations::~Configurations() = default;

void Configurations::use(const ConfigurationPaces& paces) {
    engine_->paces = paces;
}

Result<> Configurations::load() {
    return engine_->load();
}

void Configurations::start() {
    boost::asio::post(engine_->shard.executor(), [engine = engine_.get()] { engine->start(); });
}

Task<> Configurations::stop() {
    auto stopping = engine_->stop();
    co_await engine_->shards.on(engine_->shard, std::move(stopping));
}

Task<Result<ConfigurationView>> Configurations::put(Configuration wanted, EtagMatch match) {
    auto putting = engine_->put(std::move(wanted), std::move(match));
    co_return co_await engine_->shards.on(engine_->shard, std::move(putting));
}

Task<Result<>> Configurations::remove(std::string id, EtagMatch match) {
    auto removing = engine_->remove(std::move(id), std::move(match));
    co_return co_await engine_->shards.on(engine_->shard, std::move(removing));
}

Task<Result<ConfigurationView>> Configurations::find(std::string id) {
    auto search = engine_->find(std::move(id));
    co_return co_await engine_->shards.on(engine_->shard, std::move(search));
}

Task<std::vector<ConfigurationView>> Configurations::list() {
    auto listing = engine_->list();
    co_return co_await engine_->shards.on(engine_->shard, std::move(listing));
}

}  // namespace carillon
