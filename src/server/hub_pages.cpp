#include "server/hub_pages.hpp"

#include "base/json.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/jobs.hpp"
#include "net/socket_channel.hpp"
#include "server/certificate_dates.hpp"
#include "server/loop_watch.hpp"
#include "server/process_metrics.hpp"
#include "store/rocks_store.hpp"

#include <fmt/core.h>

namespace carillon {
namespace {

/// What is wrong, as a list of sentences.
class Faults {
public:
    void add(std::string_view what, std::string_view text) {
        list_.begin_object().member("check", what).member("reason", text).end_object();
        is_good_ = false;
    }
    AdminPages::Health finish(std::string_view good, std::string_view bad) {
        list_.end_array();
        AdminPages::Health health;
        health.is_good = is_good_;
        JsonWriter(health.json)
            .begin_object()
            .member("status", is_good_ ? good : bad)
            .member_raw("reasons", text_)
            .end_object();
        health.json += '\n';
        return health;
    }

private:
    std::string text_;
    JsonWriter list_{JsonWriter(text_).begin_array()};
    bool is_good_ = true;
};

void add_stuck(Faults& faults, const LoopWatch& loops) {
    for (const std::size_t loop : loops.stuck()) {
        faults.add("loops", fmt::format("Event loop {} has not turned for {} s.", loop,
                                        std::chrono::seconds(LoopWatch::stuck_after).count()));
    }
}

}  // namespace

Task<std::string> HubPages::metrics(MetricsFormat format) {
    const TimePoint began = from_.clock.now();
    JobFilter filter;
    filter.status = JobStatus::running;
    auto listing = from_.hub.jobs().list(filter, std::string(), jobs_max);
    const JobListPage running = co_await std::move(listing);
    MetricsText page(format);
    write_hub_metrics(page, from_, running);
    page.histogram("carillon_loop_lag_seconds",
                   "How long an event loop takes to come to what is asked of it.");
    for (std::size_t i = 0; i < from_.loops.size(); ++i) {
        page.sample(from_.loops.lag(i), {{"loop", std::to_string(i)}});
    }
    write_process(page, from_.started);
    page.histogram("carillon_scrape_seconds", "Time that pages like this one took to make.").sample(scrapes_);
    scrapes_.add(from_.clock.now() - began);
    co_return page.take();
}

AdminPages::Health HubPages::health() {
    Faults faults;
    add_stuck(faults, from_.loops);
    return faults.finish("ok", "failed");
}

AdminPages::Health HubPages::readiness() {
    Faults faults;
    if (is_stopping_) faults.add("lifecycle", "The hub is stopping.");
    add_stuck(faults, from_.loops);
    if (from_.rocks != nullptr && from_.rocks->is_stopped()) {
        faults.add("store", "The disk refuses writes. Free room or mend it; the hub goes on by itself.");
    }
    const StoreUsage usage = from_.rocks != nullptr ? from_.rocks->usage() : StoreUsage();
    if (usage.disk_bytes != 0 && usage.disk_free_bytes < disk_free_bytes_min) {
        faults.add("disk",
                   fmt::format("Only {} MiB are free where the data is.", usage.disk_free_bytes >> 20));
    }
    if (from_.connections.open >= from_.connections.open_max) {
        faults.add("connections", fmt::format("All {} connections are in use (connections.open_max).",
                                              from_.connections.open_max));
    }
    for (const auto& date : from_.certificates.all()) {
        if (date.end < from_.clock.wall_now()) faults.add("certificate", date.file + " has ended.");
    }
    return faults.finish("ready", "not_ready");
}

}  // namespace carillon
