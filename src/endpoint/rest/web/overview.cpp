#include "endpoint/rest/web/overview.hpp"

#include "base/json.hpp"
#include "core/jobs/job_progress.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/jobs/job_event_feed.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/web/overview_stream.hpp"
#include "endpoint/rest/web/web_dashboard.hpp"

#include <cmath>

namespace carillon::rest {

namespace {

void add(ShardTraffic& sum, const ShardTraffic& part) {
    sum.devices += part.devices;
    sum.connected += part.connected;
    sum.connects += part.connects;
    sum.disconnects += part.disconnects;
    sum.methods += part.methods;
    sum.writes += part.writes;
    sum.messages += part.messages;
}

}  // namespace

Task<ShardTraffic> OverviewSampler::add_up() {
    ShardTraffic sum;
    const auto look = [](Shard& shard) { return shard.traffic(); };
    const auto parts = co_await hub_.shards().call_all(look);
    for (const ShardTraffic& part : parts) add(sum, part);
    co_return sum;
}

std::optional<OverviewSampler::Sample> OverviewSampler::last() const {
    const std::lock_guard lock(mutex_);
    return last_;
}

/// Who looks at the hub for all others; however that ends.
struct OverviewSampler::Looking {
    explicit Looking(OverviewSampler& s) : sampler(s) {
        const std::lock_guard lock(sampler.mutex_);
        if (!sampler.is_looking_) is_mine = sampler.is_looking_ = true;
    }
    ~Looking() {
        const std::lock_guard lock(sampler.mutex_);
        if (is_mine) sampler.is_looking_ = false;
    }
    Looking(const Looking&) = delete;
    Looking& operator=(const Looking&) = delete;

    OverviewSampler& sampler;
    bool is_mine = false;
};

Task<std::shared_ptr<const std::string>> OverviewSampler::document() {
    const Clock& clock = hub_.shards().first().clock();
    const auto before = last();
    // A little less than the interval, so that who comes each second finds it over.
    if (before && clock.now() - before->at < interval * 9 / 10) co_return before->document;
    const Looking looking(*this);
    if (!looking.is_mine && before) co_return before->document;
    Sample sample;
    sample.traffic = co_await add_up();
    const std::string jobs = co_await describe_jobs();
    sample.at = clock.now();
    sample.document = std::make_shared<const std::string>(describe(sample, before, jobs));
    const std::lock_guard lock(mutex_);
    last_ = sample;
    co_return sample.document;
}

Task<std::string> OverviewSampler::describe_jobs() {
    JobFilter filter;
    filter.status = JobStatus::running;
    auto listing = hub_.jobs().list(filter, std::string(), counted_max);
    const JobListPage running = co_await std::move(listing);
    std::string text;
    JsonWriter json(text);
    json.begin_array();
    for (std::size_t i = 0; i < running.jobs.size() && i < jobs_max; ++i) {
        const auto progress = hub_.jobs().progress(running.jobs[i].definition->id);
        if (!progress) continue;
        std::string job;
        append_job_progress_json(job, *progress);
        json.raw(job);
    }
    json.end_array();
    co_return std::to_string(running.jobs.size()) + '\n' + text;
}

std::string OverviewSampler::describe(const Sample& now, const std::optional<Sample>& before,
                                      std::string_view jobs) {
    std::string text;
    JsonWriter json(text);
    json.begin_object()
        .member("registeredCount", now.traffic.devices)
        .member("connectedCount", now.traffic.connected);
    const bool has_rates = before && now.at > before->at && now.at - before->at <= span_max;
    const std::chrono::duration<double> span = has_rates ? now.at - before->at : Duration(1);
    const auto rate = [&](std::string_view name, std::uint64_t ShardTraffic::*counter) {
        json.key(name);
        if (!has_rates) {
            json.null();
            return;
        }
        const auto done = static_cast<double>(now.traffic.*counter - before->traffic.*counter);
        json.value(std::round(10 * done / span.count()) / 10);
    };
    rate("connectsPerSecond", &ShardTraffic::connects);
    rate("disconnectsPerSecond", &ShardTraffic::disconnects);
    rate("methodsPerSecond", &ShardTraffic::methods);
    rate("writesPerSecond", &ShardTraffic::writes);
    rate("messagesPerSecond", &ShardTraffic::messages);
    json.member_raw("runningJobCount", jobs.substr(0, jobs.find('\n')))
        .member_raw("runningJobs", jobs.substr(jobs.find('\n') + 1))
        .end_object();
    return text;
}

Task<Result<HttpResponse>> get_overview(Request& request) {
    const auto document = co_await request.web->overview.document();
    co_return ok(*document);
}

Task<Result<HttpResponse>> follow_overview(Request& request) {
    auto stream = OverviewStream::open(request.web->overview, request.web->overview_streams);
    if (!stream) co_return fail(std::move(stream).error());
    HttpResponse response;
    response.add("Content-Type", "text/event-stream").add("Cache-Control", "no-store");
    response.stream = *std::move(stream);
    co_return response;
}

}  // namespace carillon::rest
