// What idle devices cost a server in memory, and what connecting costs it in time.
#include "load/fleet.hpp"
#include "load/measure.hpp"
#include "load/modes.hpp"

#include <string>

namespace carillon::load {

Result<> run_idle(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::uint64_t devices = options.number("devices", 10'000);
    const auto settle = std::chrono::seconds(options.number("settle", 5));
    const int pid = static_cast<int>(options.number("server-pid", 0));
    if (auto checked = options.check(); !checked) return checked;

    Loop loop;
    TlsContext tls;
    Fleet fleet(loop, tls, *target, {.devices = devices});
    fleet.on_method([](std::uint64_t, std::string_view) { return std::string("null"); });
    const ProcessUse before = read_process(pid);
    const auto began = Clock::now();
    if (!fleet.connect_and_wait()) {
        return fail(Errc::unreachable, "only " + std::to_string(fleet.ready_count()) +
                                           " devices connected; the last failed with: " + fleet.last_loss());
    }
    const auto connected = Clock::now();
    loop.run_for(settle);
    const ProcessUse after = read_process(pid);
    const auto each = [devices](std::uint64_t from, std::uint64_t to) {
        return (static_cast<double>(to) - static_cast<double>(from)) / static_cast<double>(devices);
    };
    out.member("devices", devices).member("connected", std::uint64_t{fleet.ready_count()});
    out.member("connect_seconds", seconds_between(began, connected));
    out.member("resident_bytes_before", before.resident_bytes)
        .member("resident_bytes_after", after.resident_bytes);
    out.member("resident_bytes_per_device", each(before.resident_bytes, after.resident_bytes));
    out.member("user_bytes_per_device", each(before.user_bytes, after.user_bytes));
    return {};
}

Result<> run_connect(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::uint64_t devices = options.number("devices", 500);
    const double window = static_cast<double>(options.number("seconds", 10));
    const std::size_t at_once = options.number("in-flight", 32);
    const int pid = static_cast<int>(options.number("server-pid", 0));
    if (auto checked = options.check(); !checked) return checked;

    Loop loop;
    TlsContext tls;
    std::uint64_t connects = 0;
    double cpu_s = 0;
    double wall_s = 0;
    while (wall_s < window) {
        // Devices that leave are replaced by fresh ones, so that every connect is a first one.
        Fleet fleet(loop, tls, *target, {.devices = devices, .connecting_max = at_once});
        fleet.on_method([](std::uint64_t, std::string_view) { return std::string("null"); });
        const ProcessUse before = read_process(pid);
        const auto began = Clock::now();
        if (!fleet.connect_and_wait()) return fail(Errc::unreachable, "connects fail: " + fleet.last_loss());
        wall_s += seconds_between(began, Clock::now());
        cpu_s += read_process(pid).cpu_s - before.cpu_s;
        connects += devices;
        fleet.disconnect();
        loop.run_for(std::chrono::milliseconds(300));  // the server notices, unmeasured
    }
    out.member("connects", connects).member("seconds", wall_s);
    out.member("per_second", static_cast<double>(connects) / wall_s);
    out.member("server_cpu_us_per_connect", cpu_s * 1e6 / static_cast<double>(connects));
    return {};
}

}  // namespace carillon::load
