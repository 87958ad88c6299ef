#pragma once

// Jobs on a hub in one thread, for tests; no part of the product.

#include "core/shard/methods.hpp"
#include "core/testing/test_hub.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::testing {

inline constexpr WallTime ten_o_clock = WallTime::from_unix_s(1'795'341'600);  // 2026-11-22T10:00:00Z

/// Reads a JobRequest as the endpoint does.
inline Result<JobDefinition> parse_job(std::string_view id, std::string_view body, WallTime now,
                                       Flavour flavour = Flavour::ga) {
    const auto json = JsonDocument::parse(body);
    CARILLON_ASSERT(json);
    return JobDefinition::parse(id, json->root(), flavour, now);
}

inline std::string method_body(std::string_view condition, std::int64_t seconds = 120, int timeout_s = 30) {
    return fmt::format(R"({{"type":"scheduleDeviceMethod","cloudToDeviceMethod":{{"methodName":"lockDoor",)"
                       R"("payload":{{"force":true}},"responseTimeoutInSeconds":{}}},)"
                       R"("queryCondition":"{}","maxExecutionTimeInSeconds":{}}})",
                       timeout_s, condition, seconds);
}

inline std::string twin_body(std::string_view condition, std::string_view desired = R"({"floor":3})",
                             std::int64_t seconds = 300, std::string_view start = {}) {
    const auto when = start.empty() ? std::string() : fmt::format(R"("startTime":"{}",)", start);
    return fmt::format(
        R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","properties":{{"desired":{}}}}},)"
        R"({}"queryCondition":"{}","maxExecutionTimeInSeconds":{}}})",
        desired, when, condition, seconds);
}

/// A hub, its store and its clock, with the calls a job test makes.
struct JobBench {
    explicit JobBench(JobEngineLimits l = {}, std::size_t shard_count = 2) : limits(l), shards(shard_count) {
        restart();
    }

    void restart() {
        links.clear();
        hub.reset();
        hub.emplace(store, clock, shards, limits);
        hub->settle();
    }

    Result<JobSnapshot> create(std::string_view id, std::string_view body, Flavour flavour = Flavour::ga) {
        auto definition = parse_job(id, body, clock.wall_now(), flavour);
        CARILLON_ASSERT(definition);
        return hub->run((*hub)->jobs().create(*std::move(definition)));
    }
    Result<JobSnapshot> cancel(const std::string& id) { return hub->run((*hub)->jobs().cancel(id)); }
    std::optional<JobSnapshot> find(const std::string& id) { return hub->run((*hub)->jobs().find(id)); }
    JobStatus status(const std::string& id) { return find(id)->status; }
    JobCounts counts(const std::string& id) { return find(id)->counts.value(); }
    std::string json(const std::string& id) {
        std::string text;
        append_job_json(text, *find(id));
        return text;
    }
    /// All rows of a job, or of all jobs, read by pages of `page_size`.
    std::vector<DeviceJob> rows(
        std::optional<std::string> job = {}, std::size_t page_size = 2,
        DeviceJobKeep keep = [](const DeviceJob&, query::Meter&) { return true; },
        std::optional<std::vector<std::string>> devices = {}) {
        std::vector<DeviceJob> all;
        std::string position;
        do {
            std::optional<std::vector<std::string>> jobs;
            if (job) jobs.emplace({*job});
            auto page = hub->run((*hub)->jobs().device_jobs(jobs, devices, keep, position, page_size));
            CARILLON_ASSERT(page && page->rows.size() <= page_size);
            for (auto& row : page->rows) all.push_back(std::move(row));
            position = page->position;
        } while (!position.empty());
        return all;
    }
    std::vector<std::string> rows_json(const std::string& job) {
        std::vector<std::string> texts;
        for (const auto& row : rows(job)) append_device_job_json(texts.emplace_back(), row);
        return texts;
    }

    /// Connects a device, subscribed to methods and desired properties.
    FakeLink& connect(const std::string& id) {
        auto& link = links[id];
        link = std::make_unique<FakeLink>();
        Record& record = *hub->find(id);
        auto& shard = owner(id);
        shard.attach(record, *link);
        shard.method_subscriptions_changed(record);
        hub->settle();
        return *link;
    }
    void disconnect(const std::string& id) {
        owner(id).detach(*hub->find(id), *links[id]);
        links.erase(id);
        hub->settle();
    }
    /// Answers the last request the device got.
    void answer(const std::string& id, int status, std::string_view payload = "") {
        owner(id).methods().answered(*hub->find(id), links[id]->methods.back().id, status, payload);
        hub->settle();
    }
    Shard& owner(const std::string& id) { return (*hub)->shards().owner(IdentityKey::parse(id)->device); }
    const Twin& twin(const std::string& id) { return hub->find(id)->committed->twin; }

    ManualClock clock{ten_o_clock};
    MemoryStore store;
    JobEngineLimits limits;
    std::size_t shards;
    std::map<std::string, std::unique_ptr<FakeLink>> links;
    std::optional<TestHub> hub;
};

}  // namespace carillon::testing
