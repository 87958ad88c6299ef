// Jobs, devices and a failing store under a seeded dice: which interleavings did nobody think of?
//
// CARILLON_SIM_SEEDS and CARILLON_SIM_LOSSY_SEEDS say how many seeds, CARILLON_SIM_FIRST where to begin; a
// failure names its seed.

#include "base/text.hpp"
#include "core/testing/job_world.hpp"

#include <cstdio>
#include <cstdlib>
#include <random>

namespace carillon {
namespace {

using testing::JobWorld;
using namespace std::chrono_literals;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    if (!text) return otherwise;
    const auto number = parse_u64(text);
    EXPECT_TRUE(number) << name << " is not a number: " << text;
    return number.value_or(otherwise);
}

/// One that a few devices decide; with other signals beside the failures, or without.
constexpr std::string_view wave_tests[] = {
    R"(,"test":{"tolerate":"10%","refuse":"50%","falseAlarm":"50%","falsePass":"50%"})",
    R"(,"test":{"tolerate":"10%","refuse":"50%","falseAlarm":"50%","falsePass":"50%","signals":["slow"],)"
    R"("slowerThan":"200ms"})",
    R"(,"test":{"tolerate":"10%","refuse":"50%","falseAlarm":"50%","falsePass":"50%",)"
    R"("signals":["slow","disconnects"],"slowerThan":"1s","control":"50%","watch":"1500ms"})",
    R"(,"test":{"tolerate":"10%","refuse":"50%","falseAlarm":"50%","falsePass":"50%",)"
    R"("signals":["disconnects"],"control":"100%","watch":"1s"})",
};

class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(seed) {}
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    bool chance(unsigned percent) { return below(100) < percent; }

private:
    std::mt19937_64 random_;
};

struct Simulation {
    explicit Simulation(std::uint64_t seed, std::optional<std::uint64_t> lossy_seed = {})
        : dice(seed), world(limits(), dice.chance(25) ? 1 : 2, lossy_seed) {
        const auto fleet = 3 + dice.below(14);
        for (std::uint64_t i = 0; i < fleet; ++i) world.add_device(fmt::format("d{:02}", i));
        if (dice.chance(25)) open_windows();
        if (dice.chance(15)) world.demand_approval(static_cast<int>(dice.below(5)));
    }

    /// One minute in two or three, for all jobs with a rollout of this world.
    void open_windows() {
        const auto each = static_cast<std::int64_t>(2 + dice.below(2));
        for (std::int64_t i = 0; i < 16; ++i) {
            const auto from = testing::ten_o_clock.plus_s(60 * each * i);
            world.windows.emplace_back(from, from.plus_s(60));
            windows += fmt::format(R"({}{{"from":"10:{:02}","for":"1m"}})", i == 0 ? "" : ",", each * i);
        }
        windows = fmt::format(R"("windows":{{"zone":"{}","open":[{}],"closing":"{}s"}})",
                              dice.chance(50) ? R"(Etc/UTC)" : R"(tags.tz","fallback":"Etc/UTC)", windows,
                              dice.below(30));
    }

    JobEngineLimits limits() {
        JobEngineLimits l;
        l.twin_chunk_devices = 1 + dice.below(5);
        l.method_window_max = 1 + dice.below(20);
        l.running_max = 1 + dice.below(4);
        l.outcome_batch_bytes_max = 1 + dice.below(100);
        if (dice.chance(60)) l.twin_log_devices_max = dice.below(20);
        if (dice.chance(50)) l.reconnect_grace_s = static_cast<std::int64_t>(dice.below(10));
        if (l.outcome_batch_bytes_max <= 60) l.undo_bytes_max = 8 * l.outcome_batch_bytes_max;
        return l;
    }
    std::string device() { return fmt::format("d{:02}", dice.below(world.devices.size() + 1)); }
    std::string choice() {
        switch (dice.below(6)) {
            case 0:
                return fmt::format("deviceId IN ['{}','{}','{}']", device(), device(), device());
            case 1:
                return fmt::format(R"("{}","ghost","{}")", device(), device());
            case 2:
                return "tags.j0 = 1";
            case 3:
                return dice.chance(20) ? "not a condition (" : "*";
            default:
                return "*";
        }
    }
    /// That a job goes on taking devices, also those that come out of another one.
    std::string continuous() {
        if (dice.chance(40) && !world.jobs.empty()) {
            const auto& id = world.jobs[dice.below(world.jobs.size())].id;
            return fmt::format(R"("members":{{"mode":"continuous"}},"from":{{"job":"{}","in":[{}]}})", id,
                               dice.chance(50)   ? R"("succeeded")"
                               : dice.chance(50) ? R"("failed","canceled")"
                                                 : R"("succeeded","failed","canceled","pending")");
        }
        return fmt::format(R"("members":{{"mode":"continuous","onLeave":"{}"}})",
                           dice.chance(50) ? "cancel" : "keep");
    }
    std::string_view test(bool has_answers) {
        constexpr std::size_t all = std::size(wave_tests);
        return has_answers ? wave_tests[dice.below(all)] : wave_tests[dice.chance(50) ? 0 : all - 1];
    }
    /// A rollout of any policies, or none.
    std::string rollout(JobType type) {
        if (!dice.chance(50)) return {};
        std::vector<std::string> members;
        if (!windows.empty()) members.push_back(windows);
        const bool undoes = type == JobType::update_twin && windows.empty();
        if (dice.chance(20) && !world.jobs.empty()) {
            members.push_back(fmt::format(
                R"("startAfter":{{"job":"{}","pass":{{"succeeded":"{}%","ended":"{}%"}}}})",
                world.jobs[dice.below(world.jobs.size())].id, 1 + dice.below(100), 1 + dice.below(100)));
        }
        const bool is_method = type == JobType::device_method;
        const bool goes_on = dice.chance(25);
        if (goes_on) members.push_back(continuous());
        std::string pace;
        const bool confirms = !is_method && dice.chance(40);
        if (confirms) {
            members.push_back(
                fmt::format(R"("confirm":{{"by":"reported","within":"{}s"}})", 1 + dice.below(20)));
        }
        if ((is_method || confirms) && dice.chance(50))
            pace = fmt::format(R"("maxInFlight":{})", 1 + dice.below(5));
        if (dice.chance(30)) {
            pace += fmt::format(R"({}"rate":"{}/s")", pace.empty() ? "" : ",", 1 + dice.below(20));
        }
        if (!pace.empty()) members.push_back(R"("pace":{)" + pace + "}");
        if (dice.chance(40)) {
            std::string waves;
            for (auto left = 1 + dice.below(3); left > 0; --left) {
                const bool is_last = left == 1;
                const bool is_tested = dice.chance(25) && !(goes_on && is_last);
                const auto within = fmt::format(R"("within":"{}s",)", 2 + dice.below(20));
                waves += fmt::format(R"({}{{"size":{},"soak":"{}s","gate":"{}",{}"else":"{}",)"
                                     R"("pass":{{"succeeded":"{}%","ended":"{}%"}}{}}})",
                                     waves.empty() ? "" : ",", (is_tested ? 2 : 1) + dice.below(6),
                                     dice.below(2), dice.chance(20) ? "manual" : "auto",
                                     goes_on && is_last ? std::string_view() : std::string_view(within),
                                     dice.chance(40)             ? "go"
                                     : dice.chance(20)           ? "cancel"
                                     : undoes && dice.chance(30) ? "undo"
                                                                 : "pause",
                                     1 + dice.below(100), 1 + dice.below(100),
                                     is_tested ? test(is_method || confirms) : "");
            }
            members.push_back(R"("waves":[)" + waves + "]");
        }
        if (dice.chance(30)) members.emplace_back(R"("order":"random")");
        if (!goes_on && dice.chance(30)) members.emplace_back(R"("supersede":{"key":"k"})");
        if (dice.chance(30)) {
            members.push_back(fmt::format(R"("stop":[{{"failed":{},"do":"{}"}}])", 1 + dice.below(4),
                                          dice.chance(30)             ? "cancel"
                                          : undoes && dice.chance(40) ? "undo"
                                                                      : "pause"));
        }
        if (is_method && dice.chance(40)) {
            members.push_back(
                fmt::format(R"("retry":{{"attempts":{},"repeatable":{},"backoff":{{"from":"{}ms"}}}})",
                            2 + dice.below(3), dice.chance(50), 100 + dice.below(5000)));
        }
        if (is_method && dice.chance(40)) {
            const bool skips = dice.chance(50) || !windows.empty();
            members.emplace_back(skips ? R"("offline":{"then":"skip"})" : R"("offline":{"ttl":"5s"})");
        }
        std::string text = "{";
        for (const auto& member : members) text += (text.size() > 1 ? "," : "") + member;
        return text + "}";
    }
    void direct() {
        if (world.jobs.empty()) return;
        const auto& id = world.jobs[dice.below(world.jobs.size())].id;
        JobWish wish;
        switch (dice.below(5)) {
            case 0:
                break;
            case 4:
                wish.what = JobWish::close;
                break;
            case 1:
                wish.what = JobWish::resume;
                break;
            case 2:
                wish.what = JobWish::promote;
                wish.wave = static_cast<std::uint32_t>(dice.below(3));
                break;
            default:
                wish.what = JobWish::change;
                wish.changes = fmt::format(R"({{"pace":{{"rate":"{}/s"}}}})", 1 + dice.below(50));
        }
        world.direct(id, wish);
    }
    void create() {
        if (world.jobs.size() >= 8) return;
        if (!world.jobs.empty() && windows.empty() && dice.chance(20))
            return world.undo(next_id(), world.jobs[dice.below(world.jobs.size())].id);
        const auto type = dice.chance(60) ? JobType::device_method : JobType::update_twin;
        const auto start = dice.chance(70) ? 0 : static_cast<std::int64_t>(dice.below(40)) - 10;
        if (dice.chance(10)) {
            const auto some = dice.chance(50) ? "*" : fmt::format("deviceId != '{}'", device());
            const auto policies = rollout(type);
            return world.plan(next_id(), type, some, policies.empty() ? "{" + windows + "}" : policies);
        }
        const auto policies = rollout(type);
        auto devices = choice();
        // A list of ids stays as it is.
        if (policies.find(R"("members")") != std::string::npos && devices.front() == '"') devices = "*";
        world.create(next_id(), type, devices, start, 25 + static_cast<std::int64_t>(dice.below(40)),
                     static_cast<int>(5 + dice.below(20)), policies);
    }
    std::string next_id() { return fmt::format("j{}", ids++); }
    void apply() {
        if (world.plans.empty() || world.jobs.size() >= 8) return;
        world.apply(world.plans[dice.below(world.plans.size())], dice.chance(50) ? "1%" : "100%");
    }
    void decide() {
        if (world.jobs.empty()) return;
        world.decide(world.jobs[dice.below(world.jobs.size())].id, dice.chance(80),
                     dice.chance(80) ? "release" : "");
    }
    void connect() {
        constexpr JobWorld::Manner manners[] = {
            JobWorld::Manner::answers, JobWorld::Manner::answers, JobWorld::Manner::answers_later,
            JobWorld::Manner::answers_later, JobWorld::Manner::keeps_silent};
        world.connect(device(), manners[dice.below(5)], dice.chance(20) ? 500 : 200);
    }

    void step() {
        const auto throw_of_dice = dice.below(100);
        if (throw_of_dice < 3) {
            world.write_tag(device());
        } else if (throw_of_dice < 6) {
            world.report(device());
        } else if (throw_of_dice < 11) {
            if (!world.jobs.empty())
                world.comply(device(), world.jobs[dice.below(world.jobs.size())].id, dice.chance(80));
        } else if (throw_of_dice < 25) {
            world.poll();
        } else if (throw_of_dice < 45) {
            static_cast<void>(world.step_storage());
        } else if (throw_of_dice < 52) {
            world.settle();
        } else if (throw_of_dice < 62) {
            world.advance(std::chrono::milliseconds(1 + dice.below(dice.chance(20) ? 10'000 : 200)));
        } else if (throw_of_dice < 68) {
            create();
        } else if (throw_of_dice < 70) {
            decide();
            apply();
        } else if (throw_of_dice < 71) {
            direct();
            if (dice.chance(40)) world.freeze(dice.chance(50));
            if (dice.chance(60))
                world.cap(dice.chance(70) ? 1 + static_cast<std::uint32_t>(dice.below(4)) : 0);
        } else if (throw_of_dice < 72) {
            if (!world.jobs.empty()) world.cancel(world.jobs[dice.below(world.jobs.size())].id);
        } else if (throw_of_dice < 82) {
            connect();
        } else if (throw_of_dice < 86) {
            world.disconnect(device());
        } else if (throw_of_dice < 94) {
            world.answer_one();
        } else if (throw_of_dice < 96) {
            world.store.fail_commits(1 + dice.below(3), dice.chance(80) ? 1 : 3);
        } else if (throw_of_dice < 97) {
            world.remove_device(device());
        } else if (throw_of_dice < 98) {
            const auto id = device();
            if (!world.exists(id) && world.devices.contains(id)) world.add_device(id);
        } else {
            world.crash();
        }
    }

    void run() {
        const auto steps = 50 + dice.below(400);
        for (std::uint64_t i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
            step();
            world.check();
        }
        for (int i = 0; i < 5; ++i) connect();
        world.finish();
    }

    Dice dice;
    std::string windows;  ///< The member of a rollout, or empty.
    int ids = 0;
    JobWorld world;
};

TEST(JobSimulation, PromisesHoldWhateverHappens) {
    const auto first = from_environment("CARILLON_SIM_FIRST", 1);
    const auto count = from_environment("CARILLON_SIM_SEEDS", 10'000);
    ASSERT_GT(count, 0U) << "CARILLON_SIM_SEEDS asks for no run at all";
    JobWorld::Signals signals;
    for (auto seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        Simulation simulation(seed);
        simulation.run();
        signals.lost += simulation.world.signals.lost;
        signals.watched += simulation.world.signals.watched;
        signals.slow += simulation.world.signals.slow;
        if (::testing::Test::HasFailure()) {
            std::fprintf(stderr, "the simulation failed: CARILLON_SIM_FIRST=%llu CARILLON_SIM_SEEDS=1\n",
                         static_cast<unsigned long long>(seed));
            return;
        }
    }
    std::printf("%llu seeds: %llu lost connections told, %llu watched waves went on, %llu slow ones failed\n",
                static_cast<unsigned long long>(count), static_cast<unsigned long long>(signals.lost),
                static_cast<unsigned long long>(signals.watched),
                static_cast<unsigned long long>(signals.slow));
    if (count < 1000) return;
    EXPECT_GT(signals.lost, 0U);
    EXPECT_GT(signals.watched, 0U);
    EXPECT_GT(signals.slow, 0U);
}

/// The same where what coordinator and parts of a job tell each other is lost, repeated and late.
TEST(JobSimulation, PromisesHoldWhereCoordinatorAndPartsHearLittle) {
    const auto first = from_environment("CARILLON_SIM_FIRST", 1);
    const auto count = from_environment("CARILLON_SIM_LOSSY_SEEDS", 2'000);
    ASSERT_GT(count, 0U) << "CARILLON_SIM_LOSSY_SEEDS asks for no run at all";
    std::uint64_t lost = 0;
    std::uint64_t repeated = 0;
    for (auto seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        Simulation simulation(seed, seed);
        simulation.run();
        lost += simulation.world.mail->lost();
        repeated += simulation.world.mail->repeated();
        if (::testing::Test::HasFailure()) {
            std::fprintf(stderr,
                         "the simulation failed: CARILLON_SIM_FIRST=%llu CARILLON_SIM_LOSSY_SEEDS=1\n",
                         static_cast<unsigned long long>(seed));
            return;
        }
    }
    EXPECT_GT(lost, 0U);
    EXPECT_GT(repeated, 0U);
}

}  // namespace
}  // namespace carillon
