// A process that dies, or whose store refuses, at each commit in turn: after the restart every twin comes
// to hold what the configurations that were acknowledged want, and nothing of any other.

#include "core/testing/configuration_testing.hpp"

#include <functional>
#include <set>

namespace carillon {
namespace {

using testing::ConfigurationBench;
using namespace std::chrono_literals;

constexpr int device_count = 7;

std::string device(int i) {
    return fmt::format("d{}", i);
}

/// What a twin must hold, worked out the slow way: all of the bench's configurations set `x`, each the key of
/// its own name, and select by `tags.g` (`*` or a number).
void check(ConfigurationBench& hub) {
    const auto views = hub.run((*hub.hub)->configurations().list());
    for (int i = 0; i < device_count; ++i) {
        const Record* record = hub.find(device(i));
        if (record == nullptr) continue;
        std::string tags;
        record->committed->twin.tags.append_json(tags, SectionForm::plain);
        std::map<std::string, std::string> wanted{{"own", "true"}};
        std::pair<int, std::string> strongest{-1, ""};
        std::set<std::string> states;
        for (const auto& view : views) {
            const auto& condition = view.configuration.target_condition;
            if (condition != "*" && tags != fmt::format(R"({{"g":{}}})", condition.back())) continue;
            const auto& id = view.configuration.id;
            wanted[id] = "1";
            states.insert(id);
            strongest = std::max(strongest, std::pair(static_cast<int>(view.configuration.priority), id));
        }
        if (strongest.first >= 0) wanted["x"] = '"' + strongest.second + '"';
        const auto held_text = hub.desired(device(i));
        const auto held_json = JsonDocument::parse(held_text);
        std::map<std::string, std::string> held;
        for (auto v = held_json->root().first(); v.exists(); v = v.next())
            held[std::string(v.key())] = v.raw();
        EXPECT_EQ(held, wanted) << device(i);
        std::set<std::string> shown;
        if (record->configurations) {
            for (const auto& state : record->configurations->states()) {
                shown.insert(state.id);
                EXPECT_TRUE(state.is_applied);
            }
        }
        EXPECT_EQ(shown, states) << device(i);
    }
    for (const auto& view : views) {
        std::int64_t count = 0;
        for (int i = 0; i < device_count; ++i) {
            const Record* record = hub.find(device(i));
            if (record && record->configurations && record->configurations->find(view.configuration.id))
                ++count;
        }
        const auto seen = hub.run((*hub.hub)->configurations().find(view.configuration.id));
        ASSERT_TRUE(seen && seen->counts);
        EXPECT_EQ(seen->counts->targeted, count) << view.configuration.id;
    }
}

void people(ConfigurationBench& hub) {
    for (int i = 0; i < device_count; ++i) {
        hub.add(device(i));
        hub.patch(device(i),
                  fmt::format(R"({{"tags":{{"g":{}}},"properties":{{"desired":{{"own":true}}}}}})", i % 3));
    }
}

std::string settings(std::string_view id) {
    return fmt::format(R"({{"properties.desired.x":"{0}","properties.desired.{0}":1}})", id);
}

/// Every kind of change there is, with nothing awaited that a test could not do without.
void scenario(ConfigurationBench& hub) {
    (void)hub.put("low", settings("low"), "*", 1);
    (void)hub.put("high", settings("high"), "tags.g = 1", 9);
    hub.patch(device(0), R"({"tags":{"g":1}})");
    (void)hub.put("low", settings("low"), "tags.g = 0", 10, "*");
    hub.patch(device(1), R"({"tags":{"g":2}})");
    (void)hub.remove("high");
    hub.leave(device(3));
    (void)hub.put("high", settings("high"), "*", 3);
    (void)hub.remove("low");
}

TEST(ConfigurationCrash, AtAnyCommitTheTwinsConverge) {
    std::size_t commits = 0;
    {
        ConfigurationBench hub;
        people(hub);
        const auto before = hub.store.commits();
        scenario(hub);
        commits = hub.store.commits() - before;
        check(hub);
    }
    ASSERT_GT(commits, 15U);
    for (const bool is_heard : {false, true}) {
        for (std::size_t k = 1; k <= commits; ++k) {
            SCOPED_TRACE(
                fmt::format("dies after commit {} of {}, {}", k, commits, is_heard ? "heard" : "unheard"));
            ConfigurationBench hub;
            people(hub);
            hub.die_after(k, is_heard);
            try {
                scenario(hub);
            } catch (const ConfigurationBench::Crash&) {
            }
            hub.restart();
            check(hub);
            // It goes on as if nothing had been, and forgets what is gone.
            (void)hub.put("new", settings("new"), "*", 50);
            check(hub);
            for (const char* id : {"low", "high", "new"}) (void)hub.remove(id);
            check(hub);
            EXPECT_EQ(hub.store.size(Table::configurations), 0U);
            if (::testing::Test::HasFailure()) return;
        }
    }
}

TEST(ConfigurationCrash, ARefusedCommitDelaysAndNothingMore) {
    for (std::size_t k = 1; k <= 25; ++k) {
        SCOPED_TRACE(fmt::format("commit {} is refused", k));
        ConfigurationBench hub;
        people(hub);
        (void)hub.put("low", settings("low"), "*", 1);
        hub.store.fail_commits(k, 2);
        (void)hub.put("high", settings("high"), "tags.g = 1", 9);
        (void)hub.put("low", settings("low"), "tags.g = 0", 10, "*");
        (void)hub.remove("high");
        (void)hub.remove("low");
        (void)hub.put("last", settings("last"), "tags.g = 2", 10);
        for (int i = 0; i < 5; ++i) hub.advance(1100ms);
        check(hub);
        if (::testing::Test::HasFailure()) return;
    }
}

/// Everything at the same time, by the dice; nothing is waited for.
TEST(ConfigurationSimulation, WritesThatCrossAreAllKept) {
    const std::vector<std::string> ids{"a", "b", "c"};
    const std::vector<std::string> conditions{"*", "tags.g = 0", "tags.g = 1", "tags.g = 2"};
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        SeededRandom dice(seed);
        ConfigurationBench hub;
        people(hub);
        std::map<std::string, std::string> tags;
        std::vector<std::shared_ptr<std::optional<Result<Document>>>> writes;
        std::vector<std::shared_ptr<std::optional<Result<ConfigurationView>>>> puts;
        std::vector<std::shared_ptr<std::optional<Result<>>>> removals;
        for (int i = 0; i < 60; ++i) {
            const auto number = dice.u64() % ids.size();
            const auto& id = ids[number];
            const auto match = dice.u64() % 2 ? std::optional<std::string_view>("*") : std::nullopt;
            auto& configurations = (*hub.hub)->configurations();
            switch (dice.u64() % 4) {
                case 0:
                    puts.push_back(hub.begin_put(id, settings(id), conditions[dice.u64() % 4],
                                                 static_cast<int>(dice.u64() % 3 * 3 + number), match));
                    break;
                case 1:
                    if (dice.u64() % 2)
                        removals.push_back(hub.hub->begin(
                            configurations.remove(id, EtagMatch::parse(match, EtagMatch::Unquoted::ignore))));
                    break;
                default: {
                    const auto device_id = device(static_cast<int>(dice.u64() % device_count));
                    tags[device_id] = fmt::format(R"({{"g":{}}})", dice.u64() % 3);
                    writes.push_back(hub.begin_patch(device_id, "{\"tags\":" + tags[device_id] + "}"));
                }
            }
            for (auto steps = dice.u64() % 4; steps > 0; --steps) hub.step();
        }
        hub.settle();
        for (const auto& write : writes) ASSERT_TRUE(*write && **write);
        for (const auto& [id, expected] : tags) {
            std::string found;
            hub.find(id)->committed->twin.tags.append_json(found, SectionForm::plain);
            EXPECT_EQ(found, expected) << id;
        }
        check(hub);
        for (const auto& id : ids) (void)hub.remove(id);
        EXPECT_EQ(hub.store.size(Table::configurations), 0U);
        if (::testing::Test::HasFailure()) return;
    }
}

}  // namespace
}  // namespace carillon
