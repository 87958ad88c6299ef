#include "server/hub_pages.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/delivery/otlp_exporter.hpp"
#include "net/socket_channel.hpp"
#include "server/certificates/certificate_dates.hpp"
#include "server/process/loop_watch.hpp"
#include "server/process/process_metrics.hpp"
#include "server/settings/settings_report.hpp"
#include "store/rocks_store.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon {
namespace {

/// What is wrong, as a list of sentences.
class Faults {
public:
    bool is_good() const { return is_good_; }
    /// As JSON; the last call.
    std::string take() {
        list_.end_array();
        return std::move(text_);
    }
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

/// What keeps the hub from its work.
void add_hindrances(Faults& faults, const HubSources& from, const StoreUsage& usage, bool is_stopping) {
    if (is_stopping) faults.add("lifecycle", "The hub is stopping.");
    add_stuck(faults, from.loops);
    if (from.rocks != nullptr && from.rocks->is_stopped()) {
        faults.add("store", "The disk refuses writes. Free room or mend it; the hub goes on by itself.");
    }
    if (usage.disk_bytes != 0 && usage.disk_free_bytes < HubPages::disk_free_bytes_min) {
        faults.add("disk",
                   fmt::format("Only {} MiB are free where the data is.", usage.disk_free_bytes >> 20));
    }
    if (from.connections.open >= from.connections.open_max) {
        faults.add("connections", fmt::format("All {} connections are in use (connections.open_max).",
                                              from.connections.open_max));
    }
    for (const auto& date : from.certificates.all()) {
        if (date.end < from.clock.wall_now()) faults.add("certificate", date.file + " has ended.");
    }
}

void write_spans(MetricsText& page, const OtlpExporter* spans) {
    page.counter("carillon_trace_spans",
                 "Spans of traces that were to go to the collector, by what came of them.")
        .sample(spans != nullptr ? spans->sent() : std::uint64_t{0}, {{"result", "sent"}})
        .sample(spans != nullptr ? spans->lost() : std::uint64_t{0}, {{"result", "lost"}});
    page.gauge("carillon_trace_spans_waiting", "Spans that have not been sent yet.")
        .sample(spans != nullptr ? spans->waiting() : std::uint64_t{0});
}

StoreUsage usage_of(const RocksStore* rocks) {
    return rocks != nullptr ? rocks->usage() : StoreUsage();
}

void append_store(JsonWriter& out, const HubSources& from, const StoreUsage& usage) {
    const RocksStore* const rocks = from.rocks;  // Null too where the store is only read.
    out.key("store").begin_object().member("kind", from.seat == nullptr ? "rocksdb" : "postgresql");
    if (rocks != nullptr) {
        std::uint64_t files = usage.log_bytes;
        for (const std::uint64_t bytes : usage.table_bytes) files += bytes;
        out.member("bytes", files);
        out.member("memoryBytes", usage.buffer_bytes + usage.cache_bytes + usage.reader_bytes);
        out.member("isStopped", usage.is_stopped).member("isSlowed", usage.delayed_bytes_per_second != 0);
        out.member("diskFreeBytes", usage.disk_free_bytes).member("diskBytes", usage.disk_bytes);
    }
    out.end_object();
}

/// The least upper end of a range below which a share of all values lies, in seconds.
double below(const TimeHistogram& times, double share) {
    const auto wanted = static_cast<double>(times.count()) * share;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < TimeScale::bounds.size(); ++i) {
        seen += times.in(i);
        if (static_cast<double>(seen) >= wanted)
            return static_cast<double>(TimeScale::bounds[i]) * TimeScale::unit;
    }
    return static_cast<double>(TimeScale::bounds.back()) * TimeScale::unit;
}

void append_loops(JsonWriter& out, const LoopWatch& loops) {
    const auto stuck = loops.stuck();
    out.key("loops").begin_array();
    for (std::size_t i = 0; i < loops.size(); ++i) {
        const TimeHistogram& lag = loops.lag(i);
        out.begin_object().member("loop", std::uint64_t{i});
        out.member("isStuck", std::find(stuck.begin(), stuck.end(), i) != stuck.end());
        if (lag.count() > 0)
            out.member("lagMedianSeconds", below(lag, 0.5)).member("lagP99Seconds", below(lag, 0.99));
        out.end_object();
    }
    out.end_array();
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
    write_spans(page, from_.spans);
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
    add_hindrances(faults, from_, usage_of(from_.rocks), is_stopping_);
    return faults.finish("ready", "not_ready");
}

std::string HubPages::settings() {
    return from_.settings.json();
}

std::string HubPages::health_report() {
    const std::lock_guard lock(mutex_);
    const TimePoint now = from_.clock.now();
    if (report_.empty() || now - reported_ > report_age_max) {
        report_ = make_report();
        reported_ = now;
    }
    return report_;
}

std::string HubPages::make_report() {
    const StoreUsage usage = usage_of(from_.rocks);
    Faults faults;
    add_hindrances(faults, from_, usage, is_stopping_);
    std::string body;
    JsonWriter out(body);
    out.begin_object().member("status", faults.is_good() ? "ready" : "not_ready");
    out.member_raw("reasons", faults.take()).member("version", CARILLON_VERSION);
    out.member("startedTime", to_iso8601(from_.started)).member("residentBytes", resident_bytes());
    append_store(out, from_, usage);
    out.key("connections").begin_object().member("open", std::uint64_t{from_.connections.open.load()});
    out.member("max", std::uint64_t{from_.connections.open_max}).end_object();
    out.key("certificates").begin_array();
    for (const auto& date : from_.certificates.all()) {
        out.begin_object().member("file", date.file).member("endTime", to_iso8601(date.end)).end_object();
    }
    out.end_array();
    append_loops(out, from_.loops);
    out.end_object();
    return body;
}

}  // namespace carillon
