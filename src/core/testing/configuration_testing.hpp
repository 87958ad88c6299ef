#pragma once

// Configurations on a hub in one thread that may die at any commit, for tests; no part of the product.

#include "core/configurations/configurations.hpp"
#include "core/testing/test_hub.hpp"
#include "model/configuration_states.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::testing {

/// A hub in memory with calls as a test of configurations makes them.
class ConfigurationBench {
public:
    struct Crash {};  ///< Thrown when the commits are used up.

    ConfigurationBench() { start(); }

    void start() { hub.emplace(store, clock, 2); }
    /// Dies with all that is not on disk, and starts again on what is.
    void restart() {
        hub.reset();
        links.clear();
        commits_left_ = SIZE_MAX;
        start();
        settle();
    }
    /// After so many commits more the process dies: as the store has written and before anybody hears of
    /// it, or when all that follows from it is done.
    void die_after(std::size_t commits, bool is_heard) {
        commits_left_ = commits;
        is_heard_ = is_heard;
    }
    void settle() {
        do {
            hub->poll();
        } while (step_storage());
    }
    void advance(std::chrono::milliseconds by) {
        clock.advance(by);
        for (std::size_t i = 0; i < 2; ++i) (*hub)->shards()[i].timers().run_due(clock.now());
        settle();
    }
    /// Lets the loop run, and then one piece of storage work, if there is any.
    void step() {
        hub->poll();
        step_storage();
    }
    template <class T>
    T run(Task<T> task) {
        auto result = hub->begin(std::move(task));
        settle();
        CARILLON_ASSERT(result->has_value());
        return std::move(**result);
    }

    // --- devices -----------------------------------------------------------------------------
    static IdentityKey key(std::string_view path) {
        const auto slash = path.find('/');
        if (slash == std::string_view::npos) return *IdentityKey::parse(path);
        return *IdentityKey::parse(path.substr(0, slash), path.substr(slash + 1));
    }
    Shard& owner(std::string_view path) { return (*hub)->shards().owner(key(path).device); }
    Record* find(std::string_view path) { return owner(path).directory().find(key(path)); }
    void add(std::string_view path) {
        ASSERT_TRUE(run(owner(path).put_identity(key(path), "{}", EtagMatch{})));
    }
    void leave(std::string_view path) {
        const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
        ASSERT_TRUE(run(owner(path).remove_identity(key(path), any)));
    }
    /// The same as `patch`, without waiting for it.
    std::shared_ptr<std::optional<Result<Document>>> begin_patch(std::string_view path,
                                                                 std::string_view json) {
        return hub->begin(task_of(path, json, Shard::TwinWrite::patch));
    }
    /// A back end's write to a twin, such as `{"tags":{"site":"x"}}`.
    void patch(std::string_view path, std::string_view json) { write(path, json, Shard::TwinWrite::patch); }
    void replace(std::string_view path, std::string_view json) {
        write(path, json, Shard::TwinWrite::replace);
    }
    void report(std::string_view path, std::string_view json) {
        const auto document = JsonDocument::parse(json);
        const auto reported = SectionPatch::parse(document->root());
        std::optional<Result<std::int64_t>> answer;
        owner(path).write_reported(*find(path), *reported, {}, [&answer](Result<std::int64_t> result) {
            answer.emplace(std::move(result));
        });
        settle();
        ASSERT_TRUE(answer && *answer);
    }
    FakeLink& connect(std::string_view path) {
        auto& link = links[std::string(path)];
        link = std::make_unique<FakeLink>();
        owner(path).attach(*find(path), *link);
        return *link;
    }
    std::string desired(std::string_view path) {
        std::string text;
        find(path)->committed->twin.desired.append_json(text, SectionForm::plain);
        return text;
    }
    std::string states(std::string_view path) {
        std::string text;
        if (const auto& states = find(path)->configurations) append_configuration_states_json(text, *states);
        return text;
    }
    std::int64_t version(std::string_view path) { return find(path)->committed->twin.version; }

    // --- configurations ----------------------------------------------------------------------
    /// `settings` as in `deviceContent`; `match` as in If-Match.
    Result<ConfigurationView> put(std::string_view id, std::string_view settings,
                                  std::string_view condition = "*", int priority = 0,
                                  std::optional<std::string_view> match = {},
                                  std::string_view kind = "deviceContent", std::string_view queries = "{}") {
        auto configuration = configuration_of(id, settings, condition, priority, kind, queries);
        if (!configuration) return fail(std::move(configuration).error());
        return run((*hub)->configurations().put(*std::move(configuration),
                                                EtagMatch::parse(match, EtagMatch::Unquoted::ignore)));
    }
    /// The same without waiting for it.
    auto begin_put(std::string_view id, std::string_view settings, std::string_view condition = "*",
                   int priority = 0, std::optional<std::string_view> match = {}) {
        auto configuration = configuration_of(id, settings, condition, priority, "deviceContent", "{}");
        CARILLON_ASSERT(configuration);
        return hub->begin((*hub)->configurations().put(*std::move(configuration),
                                                       EtagMatch::parse(match, EtagMatch::Unquoted::ignore)));
    }
    Result<> remove(std::string_view id, std::optional<std::string_view> match = {}) {
        return run((*hub)->configurations().remove(std::string(id),
                                                   EtagMatch::parse(match, EtagMatch::Unquoted::ignore)));
    }
    Result<ConfigurationView> view(std::string_view id) {
        return run((*hub)->configurations().find(std::string(id)));
    }
    /// `targeted/applied`
    std::string counts(std::string_view id) {
        const auto seen = view(id);
        return seen ? fmt::format("{}/{}", seen->counts->targeted, seen->counts->applied) : "none";
    }

    ManualClock clock{WallTime::from_unix_s(1'795'341'600)};
    MemoryStore store;
    std::map<std::string, std::unique_ptr<FakeLink>> links;
    std::optional<TestHub> hub;

private:
    bool step_storage() {
        if (commits_left_ == 0 && is_heard_) throw Crash{};
        const auto commits = store.commits();
        if (!hub->storage().step()) return false;
        if (store.commits() > commits && commits_left_ != SIZE_MAX) --commits_left_;
        if (commits_left_ == 0 && !is_heard_) throw Crash{};
        return true;
    }
    Task<Result<Document>> task_of(std::string_view path, std::string_view json, Shard::TwinWrite kind) {
        const auto document = JsonDocument::parse(json);
        auto content = TwinPatch::parse(document->root(), key(path));
        CARILLON_ASSERT(content);
        return owner(path).write_twin(key(path), kind, *std::move(content), EtagMatch{});
    }
    static Result<Configuration> configuration_of(std::string_view id, std::string_view settings,
                                                  std::string_view condition, int priority,
                                                  std::string_view kind, std::string_view queries) {
        const auto body = fmt::format(
            R"({{"content":{{"{}":{}}},"targetCondition":"{}","priority":{},"metrics":{{"queries":{}}}}})",
            kind, settings, condition, priority, queries);
        const auto json = JsonDocument::parse(body);
        CARILLON_ASSERT(json);
        return Configuration::parse(id, json->root());
    }
    void write(std::string_view path, std::string_view json, Shard::TwinWrite kind) {
        ASSERT_TRUE(run(task_of(path, json, kind)));
    }

    std::size_t commits_left_ = SIZE_MAX;
    bool is_heard_ = false;
};

}  // namespace carillon::testing
