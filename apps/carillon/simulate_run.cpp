#include "simulate_run.hpp"

#include "failure.hpp"
#include "simulate_report.hpp"

#include <sys/ioctl.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <utility>

namespace carillon {

using fleet::Behaviour;
using fleet::Credentials;
using fleet::Fleet;
using fleet::Statistics;

namespace {

/// Draws or prints how the fleet stands.
class View {
public:
    explicit View(Format format) : format_(format), is_terminal_(::isatty(STDOUT_FILENO) != 0) {}

    bool is_live() const { return is_terminal_ && as_text(); }
    bool as_text() const { return format_ == Format::automatic || format_ == Format::table; }

    void show(const FleetLook& look) {
        if (is_live()) return redraw(look);
        if (as_text()) std::puts(fleet_line(look).c_str());
        if (format_ == Format::ndjson) std::puts(fleet_json(look, "statistics").c_str());
        std::fflush(stdout);
    }
    void conclude(const FleetLook& look) {
        if (is_live()) redraw(look);
        std::fputs(as_text() ? fleet_summary(look).c_str() : (fleet_json(look, "summary") + "\n").c_str(),
                   stdout);
        std::fflush(stdout);
    }

private:
    void redraw(const FleetLook& look) {
        winsize size{};
        constexpr std::size_t width_default = 80;
        const bool is_known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
        std::string text;
        if (drawn_ > 0) text += "\x1b[" + std::to_string(drawn_) + "A";  // up to where it began
        const auto block = fleet_block(look, is_known ? size.ws_col : width_default);
        for (const std::string& line : block) text += line + "\x1b[K\n";  // clear what is left of it
        text += "\x1b[J";
        drawn_ = block.size();
        std::fputs(text.c_str(), stdout);
        std::fflush(stdout);
    }

    Format format_;
    bool is_terminal_;
    std::size_t drawn_ = 0;
};

/// A fleet on a thread of its own, asked from outside.
class RunningFleet {
public:
    RunningFleet(const Connector& connector, const Credentials& credentials, const Behaviour& behaviour,
                 const fleet::FleetOptions& options)
        : thread_(0, clock_), fleet_(thread_, connector, credentials, behaviour, options) {}
    ~RunningFleet() {
        thread_.stop();
        thread_.join();
    }

    Result<> start() {
        if (auto made = fleet_.make_devices(); !made) return made;
        thread_.start();
        thread_.post([this] { fleet_.start(); });
        return {};
    }
    void cut() {
        thread_.post([this] { fleet_.cut(); });
    }
    /// What it knows at the end of a turn.
    std::pair<Statistics, std::optional<Errc>> look() {
        std::promise<std::pair<Statistics, std::optional<Errc>>> told;
        thread_.post([&] { told.set_value({fleet_.statistics(), fleet_.last_failure()}); });
        return told.get_future().get();
    }
    void leave() {
        // Shared, as the answer may come when nobody waits any more.
        auto left = std::make_shared<std::promise<void>>();
        auto over = left->get_future();
        thread_.post([this, left] { fleet_.leave([left] { left->set_value(); }); });
        over.wait_for(leave_max);
    }

private:
    SystemClock clock_;
    IoThread thread_;
    Fleet fleet_;
};

tl::unexpected<Error> nobody_got_in(Errc reason) {
    if (reason == Errc::iot_hub_unauthorized) {
        return fail(
            reason,
            "the hub refuses these devices: are they registered with the keys of this fleet (--create, "
            "the same --prefix and --group-key)? With --auth policy the login signs for any device.");
    }
    if (reason == Errc::tls_failed) return fail(reason, "no device could trust it");
    return fail(Errc::unreachable, "no device got in; --mqtts-port says where the hub takes devices");
}

}  // namespace

int wait_for_signal(const sigset_t& signals, TimePoint deadline) {
    const auto left = std::max<Duration>(deadline - std::chrono::steady_clock::now(), Duration::zero());
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    timespec wait{};
    wait.tv_sec = whole.count();
    wait.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(left - whole).count();
    return std::max(::sigtimedwait(&signals, nullptr, &wait), 0);
}

Result<Exit> run_fleet(const SimulationRun& order, const Connector& connector, const Credentials& credentials,
                       const Behaviour& behaviour, const fleet::FleetOptions& options,
                       const sigset_t& signals) {
    View view(order.format);
    const Duration usual = view.is_live() ? std::chrono::seconds(1) : std::chrono::seconds(5);
    const Duration interval = std::max<Duration>(order.interval.value_or(usual), interval_min);
    RunningFleet running(connector, credentials, behaviour, options);
    if (auto started = running.start(); !started) return fail(std::move(started).error());
    const TimePoint begun = std::chrono::steady_clock::now();
    TimePoint reported = begun;
    Statistics before;
    const auto look = [&](const Statistics& now) {
        const TimePoint at = std::chrono::steady_clock::now();
        const FleetLook made{.now = now, .before = before, .elapsed = at - begun, .interval = at - reported};
        before = now;
        reported = at;
        return made;
    };
    const TimePoint end = order.duration ? begun + *order.duration : TimePoint::max();
    TimePoint next = begun + interval;
    std::optional<Errc> mistake;
    for (;;) {
        const int signal = wait_for_signal(signals, std::min(next, end));
        if (signal == SIGUSR1) running.cut();
        const TimePoint at = std::chrono::steady_clock::now();
        if (signal == SIGINT || signal == SIGTERM || at >= end) break;
        if (at < next) continue;
        next = std::max(next + interval, at);
        const auto [now, failure] = running.look();
        view.show(look(now));
        if (now.connects == 0 && failure && at - begun >= first_connect_max) {
            mistake = failure;
            break;
        }
    }
    const auto last = running.look();
    running.leave();
    view.conclude(look(last.first));
    if (mistake) return nobody_got_in(*mistake);
    return Exit::ok;
}

}  // namespace carillon
