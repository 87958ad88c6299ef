#pragma once

#include "base/clock.hpp"
#include "carillon/service_client.hpp"
#include "commands.hpp"
#include "fleet/fleet.hpp"
#include "row_printer.hpp"

#include <csignal>
#include <optional>

namespace carillon {

/// How a fleet is shown, and until when it runs.
struct SimulationRun {
    Format format = Format::automatic;
    std::optional<Duration> duration = std::nullopt;  ///< Nothing: until a signal.
    std::optional<Duration> interval = std::nullopt;  ///< Nothing: 1 s on a terminal, else 5 s.
};

/// Runs a fleet on a thread of its own and shows on standard output how it stands, until its time is
/// over or SIGINT or SIGTERM comes; then disconnects all and sums up. SIGUSR1 cuts every connection.
/// `signals` are those three, blocked. Fails with what kept every device out, if none has got in for
/// `first_connect_max` though some tried; the wrong hub was given, then, or the wrong keys.
Result<Exit> run_fleet(const SimulationRun& order, const Connector& connector,
                       const fleet::Credentials& credentials, const fleet::Behaviour& behaviour,
                       const fleet::FleetOptions& options, const sigset_t& signals);

inline constexpr std::chrono::seconds first_connect_max{15};
/// Statistics come no more often.
inline constexpr std::chrono::milliseconds interval_min{50};
/// How simulated devices speak to the hub, as flags say it.
struct SimulatedTransport {
    std::string name = "mqtt";
    std::optional<std::uint16_t> mqtts_port = std::nullopt;
    std::optional<std::uint16_t> amqps_port = std::nullopt;
    std::string receive_settle;  ///< Empty where nothing is said.
};
void add_transport_flags(CLI::App& command, SimulatedTransport& transport, const char* group,
                         const char* settle_help);
/// Reads them into `options`. Fails with `config_invalid` for what the transport cannot do.
Result<> apply_transport(const SimulatedTransport& transport, fleet::FleetOptions& options);
/// How devices reach a hub whose name is `host_name`. Fails with `unreachable` where its address does not
/// resolve, `tls_failed` or `not_found_locally` for the file of authorities.
Result<Connector::Settings> connector_settings(const ServiceOptions& hub, const std::string& host_name,
                                               const SimulatedTransport& transport);

/// How long a device may take from its socket to CONNACK, as a hub in a storm takes its time.
/// Source: azure-iot-sdk-node: common/transport/mqtt/src/mqtt_base.ts, the wait for CONNACK.
inline constexpr std::chrono::seconds connect_max{60};

/// SIGINT, SIGTERM and SIGUSR1, blocked in this thread and those it starts, for `wait_for_signal`.
sigset_t block_signals();
/// Waits for one of the blocked `signals`; 0 if none came by `deadline`.
int wait_for_signal(const sigset_t& signals, TimePoint deadline);

}  // namespace carillon
