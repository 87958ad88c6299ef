// Nodes that share the shards of a hub, under a seeded dice. A failure names its seed: CARILLON_CLUSTER_FIRST
// says where to begin, CARILLON_CLUSTER_SEEDS how many.

#include "base/text.hpp"
#include "core/testing/cluster_world.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <cstdlib>

namespace carillon {
namespace {

using testing::ClusterRules;
using testing::ClusterWorld;

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : parse_u64(text).value_or(otherwise);
}

/// The first promise that this seed breaks; empty if it breaks none.
std::string broken_by(std::uint64_t seed, const ClusterRules& rules, ClusterWorld::Counts* sum = nullptr) {
    ClusterWorld world(seed, rules);
    for (int i = 0; i < 600 && world.broken().empty(); ++i) world.step();
    if (world.broken().empty()) world.finish();
    if (sum != nullptr) {
        const auto counts = world.counts();
        sum->deaths += counts.deaths;
        sum->claims += counts.claims;
        sum->answered += counts.answered;
        sum->lost += counts.lost;
        sum->written += counts.written;
        sum->listed += counts.listed;
        sum->settlements += counts.settlements;
        sum->late_refused += counts.late_refused;
    }
    return world.broken().empty() ? "" : world.broken().front();
}

TEST(ClusterSimulation, PromisesHoldWhateverBecomesOfNodesAndWhatTheySend) {
    const auto first = number_from_environment("CARILLON_CLUSTER_FIRST", 1);
    const auto count = number_from_environment("CARILLON_CLUSTER_SEEDS", 1'000);
    ASSERT_GT(count, 0U);
    ClusterWorld::Counts sum;
    for (auto seed = first; seed < first + count; ++seed)
        ASSERT_EQ(broken_by(seed, {}, &sum), "")
            << "CARILLON_CLUSTER_FIRST=" << seed << " CARILLON_CLUSTER_SEEDS=1";
    fmt::print(
        "{} deaths, {} claims, {} answers of other nodes, {} lost, {} written, {} lists, {} settled, {} "
        "late\n",
        sum.deaths, sum.claims, sum.answered, sum.lost, sum.written, sum.listed, sum.settlements,
        sum.late_refused);
    if (count < 100) return;
    for (const auto happened : {sum.deaths, sum.claims, sum.answered, sum.lost, sum.written, sum.listed,
                                sum.settlements, sum.late_refused})
        EXPECT_GT(happened, count);
}

/// That the simulation would see it.
TEST(ClusterSimulation, EachRuleThatIsTakenOutBreaksAPromise) {
    const std::pair<const char*, bool ClusterRules::*> all[] = {
        {"commits are fenced", &ClusterRules::commits_are_fenced},
        {"claims raise epochs", &ClusterRules::claims_raise_epochs},
        {"settlements raise epochs", &ClusterRules::settlements_raise_epochs},
        {"claims wait for death", &ClusterRules::claims_wait_for_death},
        {"owners load", &ClusterRules::owners_load}};
    for (const auto& [name, rule] : all) {
        ClusterRules rules;
        rules.*rule = false;
        std::string broken;
        for (std::uint64_t seed = 1; seed <= 300 && broken.empty(); ++seed) broken = broken_by(seed, rules);
        EXPECT_NE(broken, "") << name;
        fmt::print("without \"{}\": {}\n", name, broken);
    }
}

}  // namespace
}  // namespace carillon
