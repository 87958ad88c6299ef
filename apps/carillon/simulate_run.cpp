#include "simulate_run.hpp"

#include "failure.hpp"
#include "flag_checks.hpp"
#include "running_fleet.hpp"
#include "simulate_report.hpp"
#include "terminal.hpp"

#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

namespace carillon {

using fleet::Behaviour;
using fleet::Credentials;
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
        if (format_ == Format::csv) print_row(look, "statistics");
        std::fflush(stdout);
    }
    void conclude(const FleetLook& look) {
        if (is_live()) redraw(look);
        if (format_ == Format::csv) return print_row(look, "summary");
        std::fputs(as_text() ? fleet_summary(look).c_str() : (fleet_json(look, "summary") + "\n").c_str(),
                   stdout);
        std::fflush(stdout);
    }

private:
    void print_row(const FleetLook& look, const char* kind) {
        if (!rows_) {
            std::vector<Column> columns;
            for (const char* path :
                 {"kind", "elapsedSeconds", "devices", "connected", "connecting", "waiting", "away",
                  "connects", "reconnects", "lost", "refused", "failedAttempts", "methods.received",
                  "methods.ok", "methods.failed", "methods.unanswered", "reported.stored", "telemetry.stored",
                  "desired"}) {
                columns.push_back({path, path});
            }
            rows_.emplace(std::cout, format_, std::move(columns), TableWidth());
        }
        rows_->print({fleet_json(look, kind)});
    }
    void redraw(const FleetLook& look) { block_.draw(fleet_block(look, block_.width())); }

    Format format_;
    bool is_terminal_;
    LiveBlock block_{stdout};
    std::optional<RowPrinter> rows_;  ///< Once there are some.
};

constexpr std::uint16_t mqtts_port_usual = 8883;
constexpr std::uint16_t amqps_port_usual = 5671;
constexpr std::uint16_t https_port = 443;

tl::unexpected<Error> nobody_got_in(Errc reason) {
    if (reason == Errc::iot_hub_unauthorized) {
        return fail(
            reason,
            "the hub refuses these devices: are they registered with the keys of this fleet (--create, "
            "the same --prefix and --group-key)? With --auth policy the login signs for any device.");
    }
    if (reason == Errc::tls_failed) return fail(reason, "no device could trust it");
    return fail(Errc::unreachable,
                "no device got in; --mqtts-port, --amqps-port or --port says where the hub takes devices");
}

}  // namespace

void add_transport_flags(CLI::App& command, SimulatedTransport& transport, const char* group,
                         const char* settle_help) {
    command
        .add_option("--transport,--protocol,--proto", transport.name,
                    "mqtt, mqtt-ws, amqp or amqp-ws; -ws is over WebSockets [mqtt]")
        ->check(one_of({"mqtt", "mqtt-ws", "amqp", "amqp-ws"}))
        ->type_name("NAME")
        ->group(group);
    command.add_option("--mqtts-port", transport.mqtts_port, "Port of the hub's MQTT endpoint [8883]")
        ->check(whole_number(1, 65535))
        ->type_name("N")
        ->group(group);
    command.add_option("--amqps-port", transport.amqps_port, "Port of the hub's AMQP endpoint [5671]")
        ->check(whole_number(1, 65535))
        ->type_name("N")
        ->group(group);
    command.add_option("--receive-settle,--rs", transport.receive_settle, settle_help)
        ->check(one_of({"complete", "abandon", "reject"}))
        ->type_name("HOW")
        ->group(group);
}

Result<> apply_transport(const SimulatedTransport& transport, fleet::FleetOptions& options) {
    using Transport = DeviceTransport;
    options.transport = transport.name == "amqp"      ? Transport::amqp
                        : transport.name == "amqp-ws" ? Transport::amqp_websocket
                        : transport.name == "mqtt-ws" ? Transport::mqtt_websocket
                                                      : Transport::mqtt;
    const std::string& how = transport.receive_settle;
    if (how.empty()) return {};
    if (how != "complete" && !is_amqp(options.transport)) {
        return fail_usage("--receive-settle " + how +
                          " needs --transport amqp or amqp-ws: over MQTT a device can only complete");
    }
    options.message_answer = how == "abandon"  ? MessageAnswer::abandon
                             : how == "reject" ? MessageAnswer::reject
                                               : MessageAnswer::complete;
    return {};
}

Result<Connector::Settings> connector_settings(const ServiceOptions& hub, const std::string& host_name,
                                               const SimulatedTransport& transport) {
    Connector::Settings settings;
    settings.host_name = host_name;
    const bool is_websocket = transport.name.ends_with("-ws");
    std::uint16_t port = is_websocket ? (hub.port != 0 ? hub.port : https_port) : mqtts_port_usual;
    if (transport.name == "mqtt" && transport.mqtts_port) port = *transport.mqtts_port;
    if (transport.name == "amqp") port = transport.amqps_port.value_or(amqps_port_usual);
    const auto server = resolve(hub.address.empty() ? host_name : hub.address, port);
    if (!server) return fail(server.error());
    const auto tls = TlsClientContext::load(hub.ca_file);
    if (!tls) return fail(tls.error());
    settings.server = *server;
    settings.tls = *tls;
    settings.limits.unauthenticated_time_max = connect_max;
    return settings;
}

sigset_t block_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) ::sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return signals;
}

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
