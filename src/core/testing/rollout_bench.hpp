#pragma once

// Jobs with a rollout on a hub in one thread: devices that answer by a plan, and a record of when each began.
// No part of the product.

#include "core/jobs/job_progress.hpp"
#include "core/jobs/job_wish.hpp"
#include "core/testing/job_testing.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace carillon::testing {

inline std::string rollout_body(std::string_view rollout, std::string_view condition = "*",
                                int timeout_s = 30) {
    return fmt::format(R"({{"type":"scheduleDeviceMethod","cloudToDeviceMethod":{{"methodName":"m",)"
                       R"("responseTimeoutInSeconds":{}}},"queryCondition":"{}","rollout":{}}})",
                       timeout_s, condition, rollout);
}

inline std::string twin_rollout_body(std::string_view rollout, std::string_view condition = "*") {
    return fmt::format(R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","properties":{{"desired":)"
                       R"({{"floor":3}}}}}},"queryCondition":"{}","rollout":{}}})",
                       condition, rollout);
}

struct RolloutBench : JobBench {
    using JobBench::JobBench;

    struct Begin {
        std::string device;
        TimePoint at;
    };
    struct Manner {
        std::chrono::milliseconds after{};  ///< Until it answers; negative: never.
        int status = 200;
    };

    void add(int count, std::string_view prefix = "d") {
        for (int i = 0; i < count; ++i) hub->add_device(fmt::format("{}{:05}", prefix, i));
    }
    /// Connects devices that answer each call by what `manner` says.
    void connect_all(int count, std::function<Manner(int)> manner, std::string_view prefix = "d") {
        for (int i = 0; i < count; ++i) answer_as(fmt::format("{}{:05}", prefix, i), manner(i));
        hub->settle();
    }
    void answer_as(const std::string& id, Manner manner) {
        if (links.contains(id)) disconnect(id);
        auto& link = links[id];
        link = std::make_unique<FakeLink>();
        link->on_method = [this, id, manner](const FakeLink::Call& call) {
            begins.push_back({id, clock.now()});
            ++in_flight;
            ++at_work[id];
            most_in_flight = std::max(most_in_flight, in_flight);
            if (manner.after.count() < 0) return;
            answers.emplace(clock.now() + manner.after, Answer{id, call.id, manner.status});
        };
        Record& record = *hub->find(id);
        owner(id).attach(record, *link);
        owner(id).method_subscriptions_changed(record);
    }
    /// Lets time pass in steps, with every answer and every timer at its moment.
    void pass(std::chrono::milliseconds time,
              std::chrono::milliseconds step = std::chrono::milliseconds(10)) {
        give_answers();
        for (std::chrono::milliseconds gone{}; gone < time; gone += step) {
            clock.advance(step);
            give_answers();
            hub->advance(std::chrono::milliseconds(0));
            give_answers();
        }
    }
    void give_answers() {
        while (!answers.empty() && answers.begin()->first <= clock.now()) {
            const auto answer = answers.begin()->second;
            answers.erase(answers.begin());
            --in_flight;
            --at_work[answer.device];
            Record* record = hub->find(answer.device);
            if (record && links.contains(answer.device)) {
                owner(answer.device).methods().answered(*record, answer.request, answer.status, "");
            }
            hub->settle();
        }
    }
    /// As after a crash: the devices have lost their connections, and what they would answer is lost.
    void crash() {
        answers.clear();
        in_flight = 0;
        at_work.clear();
        restart();
    }

    Result<> direct(const std::string& id, JobWish wish) {
        wish.by.policy = "service";
        return hub->run((*hub)->jobs().direct(id, std::move(wish)));
    }
    Result<> pause(const std::string& id) { return direct(id, {}); }
    Result<> resume(const std::string& id) {
        JobWish wish;
        wish.what = JobWish::resume;
        return direct(id, wish);
    }
    Result<> promote(const std::string& id, std::uint32_t wave) {
        JobWish wish;
        wish.what = JobWish::promote;
        wish.wave = wave;
        return direct(id, wish);
    }
    Result<> change(const std::string& id, std::string changes, std::optional<std::uint64_t> revision = {}) {
        JobWish wish;
        wish.what = JobWish::change;
        wish.changes = std::move(changes);
        wish.revision = revision;
        return direct(id, wish);
    }
    JobProgress progress(const std::string& id) { return *(*hub)->jobs().progress(id); }
    std::vector<WaveState> wave_states(const std::string& id) {
        std::vector<WaveState> states;
        for (const auto& wave : progress(id).rollout->waves) states.push_back(wave.state);
        return states;
    }
    std::size_t begun_between(TimePoint from, TimePoint to) const {
        return static_cast<std::size_t>(std::count_if(begins.begin(), begins.end(), [&](const Begin& begin) {
            return begin.at >= from && begin.at < to;
        }));
    }
    /// The most devices that began within any stretch of this length.
    std::size_t most_begun_within(Duration stretch) const {
        std::size_t most = 0;
        std::size_t first = 0;
        for (std::size_t last = 0; last < begins.size(); ++last) {
            while (begins[last].at - begins[first].at >= stretch) ++first;
            most = std::max(most, last - first + 1);
        }
        return most;
    }

    struct Answer {
        std::string device;
        std::uint16_t request;
        int status;
    };
    std::multimap<TimePoint, Answer> answers;
    std::vector<Begin> begins;
    std::map<std::string, int> at_work;  ///< Calls that a device has not answered.
    int in_flight = 0;
    int most_in_flight = 0;
};

}  // namespace carillon::testing
