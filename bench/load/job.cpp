// Registering a fleet, and jobs over all of it with the job being watched meanwhile.
#include "load/fleet.hpp"
#include "load/measure.hpp"
#include "load/modes.hpp"
#include "load/probe.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon::load {
namespace {

constexpr std::size_t register_connections = 16;
constexpr std::chrono::milliseconds look_pause{1};
constexpr std::chrono::milliseconds look_pause_beside_probe{20};
constexpr std::chrono::seconds probe_quiet{2};
constexpr std::uint64_t looks_per_memory_sample = 16;
constexpr int execution_s = 600;

/// GETs `id` again and again over one connection, as a back end that watches a job.
class Watcher {
public:
    Watcher(Loop& loop, HttpPool& pool, std::string id, int server_pid)
        : loop_(loop), pool_(pool), id_(std::move(id)), pid_(server_pid) {}

    /// `count` GETs, or until the job ends if it is 0. Answers the last look.
    JobLook watch(std::uint64_t count, Samples& samples, std::chrono::milliseconds pause = look_pause) {
        JobLook last;
        for (std::uint64_t i = 0; count == 0 || i < count; ++i) {
            const auto began = Clock::now();
            const HttpAnswer answer = pool_.call_and_wait({"GET", target_of("/jobs/v2/" + id_), "", ""});
            samples.add(Clock::now() - began);
            last = parse_job(answer.body);
            const std::int64_t sum =
                last.pending + last.running + last.succeeded + last.failed + last.canceled;
            sums_wrong_ += sum == last.device ? 0 : 1;
            if (count == 0 && (last.is_ended() || answer.status != 200)) break;
            if (i % looks_per_memory_sample == 0) {
                peak_bytes_ = std::max(peak_bytes_, read_process(pid_).resident_bytes);
            }
            loop_.run_for(pause);
        }
        return last;
    }
    std::uint64_t sums_wrong() const { return sums_wrong_; }
    /// The most memory the server was seen with.
    std::uint64_t peak_bytes() const { return peak_bytes_; }

private:
    Loop& loop_;
    HttpPool& pool_;
    std::string id_;
    int pid_;
    std::uint64_t sums_wrong_ = 0;
    std::uint64_t peak_bytes_ = 0;
};

double median_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

Percentiles percentiles_of(Samples& samples) {
    return {samples.count(), samples.percentile(50), samples.percentile(99)};
}

void add_percentiles(JsonWriter& out, const std::string& name, const Percentiles& quiet,
                     const Percentiles& busy) {
    out.member(name + "_quiet_p50_us", quiet.p50_us).member(name + "_quiet_p99_us", quiet.p99_us);
    out.member(name + "_busy_p50_us", busy.p50_us).member(name + "_busy_p99_us", busy.p99_us);
    out.member(name + "_busy_count", busy.count);
}

/// Devices that are connected while the job runs, and count what they are told.
struct Listeners {
    Fleet fleet;
    std::uint64_t told = 0;

    Listeners(Loop& loop, TlsContext& tls, const Target& target, std::uint64_t devices)
        : fleet(loop, tls, target, {.devices = devices}) {
        fleet.on_method([](std::uint64_t, std::string_view) { return std::string("null"); });
        fleet.on_desired([this](std::uint64_t, std::string_view) { ++told; });
    }
};

struct Series {
    std::vector<double> rates;
    std::vector<double> notice_seconds;  ///< From the job's PUT until the last device was told.
    double cpu_s = 0;
    std::uint64_t sums_wrong = 0;
    std::uint64_t grown_bytes = 0;  ///< Of the server's memory, at most, while a job ran.
    Samples get_quiet, get_busy;
};

}  // namespace

Result<> run_register(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    Registration wanted;
    wanted.first = options.number("first", 0);
    wanted.devices = options.number("devices", 1000);
    wanted.twin_bytes = options.number("twin-bytes", 0);
    wanted.has_serial = options.number("serials", 0) != 0;
    wanted.is_shuffled = options.number("shuffled", 0) != 0;
    if (auto checked = options.check(); !checked) return checked;

    Loop loop;
    TlsContext tls;
    HttpPool pool(loop, tls, target->https, target->host_name, authorization(*target), register_connections);
    const auto began = Clock::now();
    const std::uint64_t failed = register_devices(loop, pool, wanted);
    const double seconds = seconds_between(began, Clock::now());
    out.member("devices", wanted.devices).member("failed", failed).member("seconds", seconds);
    out.member("per_second", static_cast<double>(wanted.devices) / seconds);
    if (failed > 0) return fail(Errc::io_failed, std::to_string(failed) + " devices could not be registered");
    return {};
}

Result<> run_job(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::uint64_t devices = options.number("devices", 100'000);
    const std::uint64_t repeats = options.number("repeats", 5);
    const std::uint64_t quiet_gets = options.number("quiet-gets", 2000);
    const std::uint64_t connected = options.number("connected", 0);
    const std::uint64_t probed = options.number("probe-devices", 0);
    const std::string kind = options.text("kind", "twin");
    const std::string rollout = options.text("rollout");
    const int pid = static_cast<int>(options.number("server-pid", 0));
    if (auto checked = options.check(); !checked) return checked;
    if (kind != "twin" && kind != "method") return fail(Errc::config_invalid, "--kind is twin or method");
    const bool is_twin = kind == "twin";

    if (connected + probed > devices)
        return fail(Errc::config_invalid, "more are to connect than there are devices");
    std::optional<Probe> probe;
    if (probed > 0) {
        auto started = Probe::start(*target, devices - probed, probed);
        if (!started) return fail(std::move(started).error());
        probe.emplace(*std::move(started));
    }

    Loop loop;
    TlsContext tls;
    HttpPool pool(loop, tls, target->https, target->host_name, authorization(*target), 1);
    std::unique_ptr<Listeners> listeners;
    if (connected > 0) {
        listeners = std::make_unique<Listeners>(loop, tls, *target, connected);
        if (!listeners->fleet.connect_and_wait()) {
            return fail(Errc::unreachable, "devices cannot connect: " + listeners->fleet.last_loss());
        }
    }

    Series series;
    for (std::uint64_t repeat = 0; repeat < repeats; ++repeat) {
        const std::string id = kind + "-" + std::to_string(Clock::now().time_since_epoch().count());
        const std::string desired = R"({"interval":)" + std::to_string(60 + repeat % 10) + R"(,"wave":"w)" +
                                    std::to_string(repeat % 10) + R"("})";
        if (listeners) listeners->told = 0;
        const ProcessUse before = read_process(pid);
        const auto began = Clock::now();
        const std::string body =
            is_twin ? twin_job("*", desired) : method_job("*", "lockDoor", R"({"force":true})", execution_s);
        const HttpAnswer put =
            pool.call_and_wait({"PUT", target_of("/jobs/v2/" + id), with_rollout(body, rollout), ""});
        if (put.status != 200) return fail(Errc::io_failed, "PUT of the job: " + std::to_string(put.status));
        if (probe) probe->measure(true, id);
        Watcher watcher(loop, pool, id, pid);
        const JobLook last = watcher.watch(0, series.get_busy, probe ? look_pause_beside_probe : look_pause);
        if (probe) probe->rest();
        const double seconds = seconds_between(began, Clock::now());
        if (last.status != "completed" || last.succeeded < static_cast<std::int64_t>(devices)) {
            return fail(Errc::io_failed, "the job ended as " + last.status + " with " +
                                             std::to_string(last.succeeded) + " devices");
        }
        series.rates.push_back(static_cast<double>(last.succeeded) / seconds);
        series.cpu_s += read_process(pid).cpu_s - before.cpu_s;
        series.sums_wrong += watcher.sums_wrong();
        // The first job adds a member to each twin; what a job needs by itself shows in the others.
        if (repeat > 0 && watcher.peak_bytes() > before.resident_bytes) {
            series.grown_bytes = std::max(series.grown_bytes, watcher.peak_bytes() - before.resident_bytes);
        }
        if (listeners && is_twin) {
            while (listeners->told < connected && seconds_between(began, Clock::now()) < seconds + 30) {
                loop.run_for(look_pause);
            }
            if (listeners->told != connected) {
                return fail(Errc::io_failed, std::to_string(listeners->told) + " notifications of " +
                                                 std::to_string(connected) + " came");
            }
            series.notice_seconds.push_back(seconds_between(began, Clock::now()));
        }
        loop.run_for(std::chrono::milliseconds(500));
        if (probe) {
            probe->measure(false, id);
            loop.run_for(probe_quiet);
            probe->rest();
        } else {
            watcher.watch(quiet_gets / repeats, series.get_quiet);
        }
    }
    out.member("devices", devices).member("repeats", repeats).member("connected", connected);
    out.member("devices_per_second", median_of(series.rates));
    out.key("all_devices_per_second").begin_array();
    for (const double rate : series.rates) out.value(rate);
    out.end_array();
    out.member("server_cpu_us_per_device", series.cpu_s * 1e6 / static_cast<double>(devices * repeats));
    out.member("grown_bytes_per_device",
               static_cast<double>(series.grown_bytes) / static_cast<double>(devices));
    if (listeners && is_twin) out.member("all_told_after_s", median_of(series.notice_seconds));
    if (probe) {
        const auto found = probe->finish();
        if (!found) return fail(found.error());
        for (std::size_t i = 0; i < asked_names.size(); ++i)
            add_percentiles(out, asked_names[i], found->quiet[i], found->busy[i]);
    } else {
        add_percentiles(out, "get", percentiles_of(series.get_quiet), percentiles_of(series.get_busy));
    }
    out.member("sums_wrong", series.sums_wrong);
    return {};
}

}  // namespace carillon::load
