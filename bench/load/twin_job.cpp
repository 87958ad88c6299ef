// Registering a fleet, and twin jobs over all of it with the job being watched meanwhile.
#include "load/measure.hpp"
#include "load/modes.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace carillon::load {
namespace {

constexpr std::size_t register_connections = 64;

/// GETs `id` again and again over one connection, as a back end that watches a job.
class Watcher {
public:
    Watcher(HttpPool& pool, std::string id) : pool_(pool), id_(std::move(id)) {}

    /// `count` GETs, or until the job ends if it is 0. Answers the last look.
    JobLook watch(std::uint64_t count, Samples& samples) {
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
        }
        return last;
    }
    std::uint64_t sums_wrong() const { return sums_wrong_; }

private:
    HttpPool& pool_;
    std::string id_;
    std::uint64_t sums_wrong_ = 0;
};

}  // namespace

Result<> run_register(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::uint64_t first = options.number("first", 0);
    const std::uint64_t devices = options.number("devices", 1000);
    const std::size_t twin_bytes = options.number("twin-bytes", 0);
    if (auto checked = options.check(); !checked) return checked;

    Loop loop;
    TlsContext tls;
    HttpPool pool(loop, tls, target->https, target->host_name, authorization(*target), register_connections);
    const auto began = Clock::now();
    const std::uint64_t failed = register_devices(loop, pool, first, devices, twin_bytes);
    const double seconds = seconds_between(began, Clock::now());
    out.member("devices", devices).member("failed", failed).member("seconds", seconds);
    out.member("per_second", static_cast<double>(devices) / seconds);
    if (failed > 0) return fail(Errc::io_failed, std::to_string(failed) + " devices could not be registered");
    return {};
}

Result<> run_twin_job(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::uint64_t devices = options.number("devices", 100'000);
    const std::uint64_t repeats = options.number("repeats", 5);
    const std::uint64_t quiet_gets = options.number("quiet-gets", 2000);
    const int pid = static_cast<int>(options.number("server-pid", 0));
    if (auto checked = options.check(); !checked) return checked;

    Loop loop;
    TlsContext tls;
    HttpPool pool(loop, tls, target->https, target->host_name, authorization(*target), 1);
    Samples quiet;
    Samples busy;
    std::vector<double> rates;
    double cpu_s = 0;
    std::uint64_t sums_wrong = 0;
    for (std::uint64_t repeat = 0; repeat < repeats; ++repeat) {
        const std::string id = "twins-" + std::to_string(Clock::now().time_since_epoch().count());
        const ProcessUse before = read_process(pid);
        const auto began = Clock::now();
        const std::string desired = R"({"interval":)" + std::to_string(60 + repeat) + R"(,"wave":"w)" +
                                    std::to_string(repeat) + R"("})";
        const HttpAnswer put =
            pool.call_and_wait({"PUT", target_of("/jobs/v2/" + id), twin_job("*", desired), ""});
        if (put.status != 200) return fail(Errc::io_failed, "PUT of the job: " + std::to_string(put.status));
        Watcher watcher(pool, id);
        const JobLook last = watcher.watch(0, busy);
        const double seconds = seconds_between(began, Clock::now());
        if (last.status != "completed" || last.succeeded < static_cast<std::int64_t>(devices)) {
            return fail(Errc::io_failed, "the job ended as " + last.status + " with " +
                                             std::to_string(last.succeeded) + " devices");
        }
        rates.push_back(static_cast<double>(last.succeeded) / seconds);
        cpu_s += read_process(pid).cpu_s - before.cpu_s;
        sums_wrong += watcher.sums_wrong();
        loop.run_for(std::chrono::milliseconds(500));
        watcher.watch(quiet_gets / repeats, quiet);
    }
    std::sort(rates.begin(), rates.end());
    out.member("devices", devices).member("repeats", repeats);
    out.member("devices_per_second", rates[rates.size() / 2]);
    out.key("all_devices_per_second").begin_array();
    for (const double rate : rates) out.value(rate);
    out.end_array();
    out.member("server_cpu_us_per_device", cpu_s * 1e6 / static_cast<double>(devices * repeats));
    out.member("get_quiet_p50_us", quiet.percentile(50)).member("get_quiet_p99_us", quiet.percentile(99));
    out.member("get_busy_p50_us", busy.percentile(50)).member("get_busy_p99_us", busy.percentile(99));
    out.member("get_busy_count", std::uint64_t{busy.count()}).member("sums_wrong", sums_wrong);
    return {};
}

}  // namespace carillon::load
