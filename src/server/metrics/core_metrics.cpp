#include "server/metrics/core_metrics.hpp"

#include "core/events/events.hpp"
#include "core/events/routing/message_routing.hpp"
#include "core/jobs/job_metrics.hpp"
#include "core/jobs/jobs.hpp"
#include "core/shard/cloud_messages.hpp"
#include "core/shard/methods.hpp"
#include "core/shard/shards.hpp"
#include "store/commit_metrics.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {
namespace {

/// The sum of what `pick` finds in each shard.
template <class T, class Pick>
T sum(Shards& shards, Pick pick) {
    T all{};
    for (std::size_t i = 0; i < shards.count(); ++i) all += pick(shards[i]);
    return all;
}

}  // namespace

void write_method_metrics(MetricsText& page, Shards& shards) {
    const auto total = [&](Counter MethodMetrics::*what) {
        return sum<std::uint64_t>(shards,
                                  [what](Shard& shard) { return (shard.methods().metrics().*what).value(); });
    };
    page.counter("carillon_methods", "Direct methods, of jobs too, by what became of them.")
        .sample(total(&MethodMetrics::answered), {{"result", "ok"}})
        .sample(total(&MethodMetrics::timed_out), {{"result", "timeout"}})
        .sample(total(&MethodMetrics::not_online), {{"result", "not_online"}})
        .sample(total(&MethodMetrics::connection_lost), {{"result", "connection_lost"}})
        .sample(total(&MethodMetrics::too_many_in_flight), {{"result", "too_many_in_flight"}})
        .sample(total(&MethodMetrics::bad_answer), {{"result", "bad_answer"}});
    page.counter("carillon_method_bytes", "Bytes of payloads of direct methods.")
        .sample(total(&MethodMetrics::request_bytes), {{"direction", "request"}})
        .sample(total(&MethodMetrics::answer_bytes), {{"direction", "response"}});
    page.histogram("carillon_method_duration_seconds", "From sending a direct method to the device's answer.")
        .sample(sum<TimeHistogram>(
            shards, [](Shard& shard) -> const TimeHistogram& { return shard.methods().metrics().seconds; }));
}

void write_cloud_message_metrics(MetricsText& page, Shards& shards) {
    const auto total = [&](auto pick) {
        return sum<std::uint64_t>(
            shards, [pick](Shard& shard) { return pick(shard.cloud_messages().metrics()).value(); });
    };
    using M = CloudMessageMetrics;
    page.counter("carillon_c2d_messages", "Cloud-to-device messages that back ends sent.")
        .sample(total([](const M& m) { return m.queued; }), {{"result", "ok"}})
        .sample(total([](const M& m) { return m.refused; }), {{"result", "refused"}});
    constexpr std::array<std::pair<MessageOutcome, std::string_view>, M::outcomes> outcomes{
        {{MessageOutcome::success, "completed"},
         {MessageOutcome::rejected, "rejected"},
         {MessageOutcome::expired, "expired"},
         {MessageOutcome::delivery_count_exceeded, "delivery_count_exceeded"},
         {MessageOutcome::purged, "purged"}}};
    page.counter("carillon_c2d_deliveries",
                 "Cloud-to-device messages by how they left their queue; those abandoned are queued again.");
    for (const auto& [outcome, name] : outcomes) {
        const auto place = static_cast<std::size_t>(outcome);
        page.sample(total([place](const M& m) { return m.ended[place]; }), {{"outcome", name}});
    }
    page.sample(total([](const M& m) { return m.abandoned; }), {{"outcome", "abandoned"}});
    page.gauge("carillon_c2d_waiting", "Cloud-to-device messages that are queued or being worked on.")
        .sample(sum<std::uint64_t>(shards, [](Shard& shard) { return shard.cloud_messages().messages(); }));
    page.gauge("carillon_c2d_waiting_bytes", "What these take in the store.")
        .sample(sum<std::uint64_t>(shards, [](Shard& shard) { return shard.cloud_messages().bytes(); }));
}

void write_commit_metrics(MetricsText& page, const CommitMetrics& commits) {
    page.histogram("carillon_store_commit_seconds", "From giving a batch to the store until it was on disk.")
        .sample(commits.seconds);
    page.histogram("carillon_store_batch_records", "Writes that were made durable together.")
        .sample(commits.records);
    page.counter("carillon_store_commit_bytes", "Bytes of keys and values in batches.")
        .sample(commits.bytes.value());
    page.counter("carillon_store_commit_failures", "Batches that the store refused.")
        .sample(commits.failures.value());
}

void write_job_metrics(MetricsText& page, const Jobs& jobs) {
    const JobMetrics& metrics = jobs.metrics();
    page.counter("carillon_jobs_created", "Jobs that were asked for; refused are those beyond the limits.");
    for (const JobType type : job_types) {
        const std::size_t place = place_of(type);
        page.sample(metrics.accepted[place].value(), {{"type", job_type_text(type)}, {"result", "ok"}})
            .sample(metrics.refused[place].value(), {{"type", job_type_text(type)}, {"result", "refused"}});
    }
    page.counter("carillon_jobs_finished", "Jobs that ended, by how.")
        .sample(metrics.completed.value(), {{"status", "completed"}})
        .sample(metrics.failed.value(), {{"status", "failed"}})
        .sample(metrics.cancelled.value(), {{"status", "cancelled"}});
    page.histogram("carillon_job_lag_seconds",
                   "From when a job was due until its devices were known and it ran.")
        .sample(metrics.start_lag);
    page.counter("carillon_job_device_ops", "Devices of jobs that ended, by how.");
    for (const JobType type : job_types) {
        const JobDeviceMetrics devices = jobs.device_metrics(type);
        page.sample(devices.succeeded.value(), {{"type", job_type_text(type)}, {"result", "succeeded"}})
            .sample(devices.failed.value(), {{"type", job_type_text(type)}, {"result", "failed"}})
            .sample(devices.canceled.value(), {{"type", job_type_text(type)}, {"result", "canceled"}});
    }
    page.counter("carillon_rollout_waves", "Waves of rollouts that were judged.")
        .sample(metrics.waves_passed.value(), {{"verdict", "passed"}})
        .sample(metrics.waves_failed.value(), {{"verdict", "failed"}});
    page.counter("carillon_rollout_rules_tripped", "Times that a rule stopped a rollout.")
        .sample(metrics.rules_tripped.value());
    page.counter("carillon_rollout_directions", "Times that a rollout was directed, by a person or itself.")
        .sample(metrics.paused_by_hand.value(), {{"what", "paused"}})
        .sample(metrics.paused_by_itself.value(), {{"what", "paused_itself"}})
        .sample(metrics.resumed.value(), {{"what", "resumed"}})
        .sample(metrics.promoted.value(), {{"what", "promoted"}});
}

void write_route_metrics(MetricsText& page, Events& events) {
    const MessageRouting& routing = events.routing();
    const auto table = routing.table();
    std::vector<std::pair<std::string_view, EndpointStatus>> endpoints;
    for (const RoutingTable::Target& target : table->targets()) {
        if (auto status = routing.status(target.endpoint.name)) {
            endpoints.emplace_back(target.endpoint.name, *std::move(status));
        }
    }
    const auto each = [&](auto pick) {
        for (const auto& [name, status] : endpoints) page.sample(pick(status), {{"endpoint", name}});
    };
    page.counter("carillon_route_messages", "Messages that endpoints of routes took, and did not.");
    for (const auto& [name, status] : endpoints) {
        page.sample(status.delivered, {{"endpoint", name}, {"result", "ok"}})
            .sample(status.dead_letters, {{"endpoint", name}, {"result", "dead_letter"}})
            .sample(status.missed, {{"endpoint", name}, {"result", "missed"}});
    }
    page.gauge("carillon_route_retrying", "1 while an endpoint does not take what it is sent.");
    each([](const EndpointStatus& status) {
        return std::uint64_t{status.state == EndpointStatus::State::retrying};
    });
    page.gauge("carillon_route_oldest_waiting_timestamp_seconds",
               "When the oldest message came that was read for an endpoint and is not delivered; 0: none.");
    each([](const EndpointStatus& status) {
        return status.oldest_waiting.ticks == 0 ? std::int64_t{0} : status.oldest_waiting.unix_s();
    });
}

}  // namespace carillon
