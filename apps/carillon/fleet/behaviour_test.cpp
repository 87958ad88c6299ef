#include "fleet/behaviour.hpp"

#include <gtest/gtest.h>
#include <map>
#include <set>

namespace carillon::fleet {
namespace {

using namespace std::chrono_literals;

BehaviourOptions lively() {
    BehaviourOptions options;
    options.seed = 42;
    options.method_latency = Distribution::parse("exp:100ms").value();
    options.fail_percent = 10;
    options.timeout_percent = 5;
    options.offline_percent = 20;
    options.absence = Distribution::parse("10s..30s").value();
    options.reported_every = Distribution::parse("60s").value();
    options.telemetry_every = Distribution::parse("exp:5s").value();
    return options;
}

/// All that device `number` decides for the `nth` time.
std::string decisions(const Behaviour& behaviour, std::uint64_t number, std::uint64_t nth) {
    const MethodDecision method = behaviour.on_method(number, nth);
    std::string text = std::to_string(method.status.value_or(0));
    for (const Duration duration :
         {method.latency, behaviour.absence(number, nth).value(), behaviour.presence(number, nth).value(),
          behaviour.backoff(number, nth, 3), behaviour.until_reported(number, nth),
          behaviour.until_telemetry(number, nth)}) {
        text += ' ' + std::to_string(duration.count());
    }
    return text + (behaviour.begins_away(number) ? " away" : " there");
}

TEST(Behaviour, TheSameSeedDecidesTheSameInAnyOrder) {
    const Behaviour one = Behaviour::make(lively()).value();
    const Behaviour other = Behaviour::make(lively()).value();
    std::vector<std::string> forwards;
    for (std::uint64_t i = 0; i < 200; ++i) forwards.push_back(decisions(one, i / 10, i % 10));
    for (std::uint64_t i = 200; i-- > 0;) EXPECT_EQ(decisions(other, i / 10, i % 10), forwards[i]);
}

TEST(Behaviour, AnotherSeedDeviceOrTurnDecidesDifferently) {
    BehaviourOptions options = lively();
    std::set<std::string> seen;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        options.seed = seed;
        const Behaviour behaviour = Behaviour::make(options).value();
        for (std::uint64_t number = 0; number < 10; ++number) {
            for (std::uint64_t nth = 0; nth < 10; ++nth) seen.insert(decisions(behaviour, number, nth));
        }
    }
    EXPECT_EQ(seen.size(), 300U);
}

TEST(Behaviour, MethodsFailAndTimeOutAsOftenAsAsked) {
    const Behaviour behaviour = Behaviour::make(lively()).value();
    int failed = 0;
    int silent = 0;
    constexpr int calls = 20'000;
    for (int i = 0; i < calls; ++i) {
        const auto decision = behaviour.on_method(static_cast<std::uint64_t>(i), 3);
        failed += decision.status == method_fail_status ? 1 : 0;
        silent += decision.status ? 0 : 1;
    }
    EXPECT_NEAR(failed, calls * 0.10, calls * 0.01);
    EXPECT_NEAR(silent, calls * 0.05, calls * 0.01);
}

TEST(Behaviour, DevicesAreAwayForTheirShareOfTheTime) {
    const Behaviour behaviour = Behaviour::make(lively()).value();
    double away_s = 0;
    double there_s = 0;
    int begin_away = 0;
    for (std::uint64_t number = 0; number < 2000; ++number) {
        begin_away += behaviour.begins_away(number) ? 1 : 0;
        for (std::uint64_t nth = 0; nth < 10; ++nth) {
            away_s += std::chrono::duration<double>(*behaviour.absence(number, nth)).count();
            there_s += std::chrono::duration<double>(*behaviour.presence(number, nth)).count();
        }
    }
    EXPECT_NEAR(begin_away, 400, 60);
    EXPECT_NEAR(away_s / (away_s + there_s), 0.2, 0.01);
}

TEST(Behaviour, WithoutAbsencesTheSameDevicesAreAwayForGood) {
    BehaviourOptions options;
    options.offline_percent = 30;
    const Behaviour behaviour = Behaviour::make(options).value();
    int away = 0;
    for (std::uint64_t number = 0; number < 10'000; ++number) away += behaviour.begins_away(number) ? 1 : 0;
    EXPECT_NEAR(away, 3000, 200);
    EXPECT_FALSE(behaviour.absence(1, 0));
    EXPECT_FALSE(behaviour.presence(1, 0));
}

TEST(Behaviour, BacksOffLongerEachTimeUpToItsMost) {
    const Behaviour behaviour = Behaviour::make(BehaviourOptions()).value();
    for (std::uint64_t number = 0; number < 100; ++number) {
        Duration cap = 1s;
        for (unsigned failures = 1; failures < 70; ++failures) {
            const Duration pause = behaviour.backoff(number, failures, failures);
            EXPECT_GE(pause, cap / 2);
            EXPECT_LE(pause, cap);
            cap = std::min<Duration>(cap * 2, 30s);
        }
    }
}

TEST(Behaviour, TheFirstReportComesAnywhereInItsPeriod) {
    const Behaviour behaviour = Behaviour::make(lively()).value();
    int early = 0;
    for (std::uint64_t number = 0; number < 1000; ++number) {
        const Duration first = behaviour.until_reported(number, 0);
        EXPECT_LE(first, 60s);
        early += first < 30s ? 1 : 0;
        EXPECT_EQ(behaviour.until_reported(number, 1), 60s);
    }
    EXPECT_NEAR(early, 500, 80);
}

TEST(Behaviour, DevicesBeginAllThroughTheRamp) {
    BehaviourOptions options;
    EXPECT_EQ(Behaviour::make(options).value().begins_after(7), 0s);
    options.ramp = 10s;
    const Behaviour behaviour = Behaviour::make(options).value();
    int early = 0;
    for (std::uint64_t number = 0; number < 1000; ++number) {
        EXPECT_LT(behaviour.begins_after(number), 10s);
        early += behaviour.begins_after(number) < 5s ? 1 : 0;
    }
    EXPECT_NEAR(early, 500, 80);
}

TEST(Behaviour, RefusesWhatCannotBe) {
    const auto is_refused = [](void (*change)(BehaviourOptions&)) {
        BehaviourOptions options = lively();
        change(options);
        return !Behaviour::make(options);
    };
    EXPECT_TRUE(is_refused([](BehaviourOptions& o) { o.fail_percent = -1; }));
    EXPECT_TRUE(is_refused([](BehaviourOptions& o) { o.fail_percent = 101; }));
    EXPECT_TRUE(is_refused([](BehaviourOptions& o) { o.fail_percent = 96; }));  // and 5 that time out
    EXPECT_TRUE(is_refused([](BehaviourOptions& o) { o.offline_percent = 0; }));
    EXPECT_TRUE(is_refused([](BehaviourOptions& o) { o.offline_percent = 100; }));
    EXPECT_TRUE(is_refused([](BehaviourOptions& o) { o.absence = Distribution(); }));
    EXPECT_TRUE(is_refused([](BehaviourOptions& o) { o.backoff_first = {}; }));
    EXPECT_TRUE(is_refused([](BehaviourOptions& o) { o.backoff_max = 1ms; }));
}

TEST(Behaviour, FaultyDevicesAreAlwaysTheSameAndFailEveryMethod) {
    BehaviourOptions options;
    options.faulty_percent = 20;
    options.faulty_status = 503;
    options.faulty_latency = Distribution::parse("9s").value();
    const Behaviour behaviour = Behaviour::make(options).value();
    std::uint64_t faulty = 0;
    for (std::uint64_t device = 0; device < 1000; ++device) {
        faulty += behaviour.is_faulty(device) ? 1 : 0;
        for (std::uint64_t nth = 0; nth < 3; ++nth) {
            const MethodDecision decision = behaviour.on_method(device, nth);
            EXPECT_EQ(decision.status, behaviour.is_faulty(device) ? 503 : 200) << device;
            EXPECT_EQ(decision.latency, behaviour.is_faulty(device) ? 9s : 0s) << device;
        }
    }
    EXPECT_GT(faulty, 150U);
    EXPECT_LT(faulty, 250U);
}

TEST(Behaviour, FaultyDevicesAreOfOneTenthIfThatIsSaid) {
    BehaviourOptions options;
    options.faulty_percent = 100;
    options.faulty_tenth = 3;
    const Behaviour behaviour = Behaviour::make(options).value();
    for (std::uint64_t device = 0; device < 100; ++device) {
        EXPECT_EQ(behaviour.is_faulty(device), device % 10 == 3) << device;
    }
    options.faulty_percent = 0;
    EXPECT_FALSE(Behaviour::make(options));
}

TEST(Behaviour, FollowsDesiredPropertiesWronglyOrNeverAsOftenAsAsked) {
    BehaviourOptions options;
    options.follow = Distribution::parse("1s..3s").value();
    options.wrong_percent = 10;
    options.ignore_percent = 5;
    const Behaviour behaviour = Behaviour::make(options).value();
    std::map<Following, int> seen;
    constexpr int changes = 20'000;
    for (std::uint64_t device = 0; device < changes; ++device) {
        const FollowDecision decision = behaviour.on_desired(device, 4);
        ++seen[decision.how];
        EXPECT_GE(decision.latency, 1s);
        EXPECT_EQ(behaviour.on_desired(device, 4).how, decision.how);  // Also after a lost connection.
    }
    EXPECT_NEAR(seen[Following::wrongly], changes * 0.10, changes * 0.01);
    EXPECT_NEAR(seen[Following::never], changes * 0.05, changes * 0.01);
    options.ignore_percent = 91;
    EXPECT_FALSE(Behaviour::make(options));
    options.follow.reset();
    options.ignore_percent = 0;
    EXPECT_FALSE(Behaviour::make(options));
    EXPECT_EQ(Behaviour::make({}).value().on_desired(1, 2).how, Following::never);
}

TEST(Behaviour, FaultyDevicesFollowWronglyAndHaveAFirmwareOfTheirOwn) {
    BehaviourOptions options;
    options.follow = Distribution();
    options.faulty_percent = 30;
    options.firmware = "1.4";
    options.faulty_firmware = "1.4.2";
    const Behaviour behaviour = Behaviour::make(options).value();
    int faulty = 0;
    for (std::uint64_t device = 0; device < 1000; ++device) {
        const bool is_faulty = behaviour.is_faulty(device);
        faulty += is_faulty ? 1 : 0;
        EXPECT_EQ(behaviour.on_desired(device, 2).how, is_faulty ? Following::wrongly : Following::rightly);
        EXPECT_EQ(behaviour.firmware(device), is_faulty ? "1.4.2" : "1.4");
    }
    EXPECT_NEAR(faulty, 300, 60);
    options.faulty_percent = 0;
    EXPECT_FALSE(Behaviour::make(options));
}

}  // namespace
}  // namespace carillon::fleet
