#pragma once

#include "base/log_rate.hpp"
#include "cluster/line_hello.hpp"
#include "net/channel.hpp"
#include "net/connector.hpp"
#include "net/io_thread.hpp"
#include "net/listener.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// The node that a door leads to.
struct DoorTarget {
    std::string address;           ///< An IP address.
    std::uint16_t port = 0;        ///< For lines.
    std::string name;              ///< What its certificate must be for.
    std::int64_t incarnation = 0;  ///< Which start of it.

    bool operator==(const DoorTarget&) const = default;
};

/// What a door has done.
struct DoorFigures {
    std::uint64_t open = 0;   ///< Connections that are open.
    std::uint64_t lines = 0;  ///< Connections that were passed on, ever.
    std::uint64_t refused =
        0;                  ///< Connections closed because the owner was not there, or would not take them.
    std::uint64_t cut = 0;  ///< Connections closed because the owner changed.
    std::uint64_t bytes_in = 0;  ///< From peers, decrypted.
    std::uint64_t bytes_out = 0;
};

/// Where devices and back ends connect to a node that does not serve the hub. TLS ends here; what they say is
/// passed on to the node that does, for each connection by a line of its own, with what is known of the peer.
/// When another node takes over, all who were passed on to the old one are closed. Who connects while nobody
/// serves waits here. To a node of an older program it speaks as that one does (`LineVersions`).
class Door {
public:
    /// Who could not be reached is not tried again for this long, which doubles up to `retry_max`.
    static constexpr std::chrono::milliseconds retry_min{50};
    static constexpr std::chrono::milliseconds retry_max{1'000};
    /// How long peers wait for an owner. When none was reached for that long, those who come are closed at
    /// once. Ours: more than a failover takes, and less than clients wait for an answer.
    static constexpr std::chrono::seconds patience_default{15};
    /// How long the owner may take nothing: as long as it may stand still without its lease.
    static constexpr std::chrono::seconds owner_stall_max{60};

    struct Service {
        LineService service;
        std::uint16_t port;
    };
    struct Options {
        std::vector<std::string> addresses;
        std::vector<Service> services;
        const TlsContexts* tls = nullptr;               ///< For those who connect; outlives the door.
        std::shared_ptr<const TlsClientContext> lines;  ///< By which this node proves itself.
        std::size_t threads = 1;
        std::size_t connections_max = 0;
        std::size_t unknown_per_address_max = 0;
        std::chrono::seconds patience = patience_default;
        LineVersions versions{};  ///< For tests.
    };

    /// Listens. Fails as `Listener::open` does, the detail naming address and port.
    static Result<std::unique_ptr<Door>> open(Options options);
    /// Ends all connections at once, unless `close` did.
    ~Door();
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;

    /// From here on connections are passed on to `target`; nothing if nobody serves.
    void lead_to(const std::optional<DoorTarget>& target);
    DoorFigures figures() const;
    /// Of each service, as bound on the last of the addresses.
    std::vector<std::uint16_t> ports() const;
    /// Ends all connections, in order if they do so within `patience`, and stops.
    void close(std::chrono::milliseconds patience);

private:
    class Line;
    class Factory;
    struct ThreadState;

    explicit Door(Options options);
    Result<> listen();
    void note_change(IoThread& thread, std::shared_ptr<const Connector> connector, std::int64_t incarnation);
    bool is_patient(const ThreadState& state, TimePoint now) const;
    void wake_later(IoThread& thread, ThreadState& state);
    static void wake(ThreadState& state);
    void tell_versions(LineVersions theirs);

    const Options options_;
    SystemClock clock_;
    UnsentTotal unsent_;
    ConnectionCount connections_;
    StrangerCounts strangers_;
    std::atomic<std::uint64_t> lines_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> cut_{0};
    std::atomic<std::uint64_t> bytes_in_{0};
    std::atomic<std::uint64_t> bytes_out_{0};
    LogRate versions_rate_{std::chrono::seconds(10)};
    std::optional<DoorTarget> target_;  ///< As `lead_to` was told last.
    IoThreads threads_;
    bool has_started_ = false;
    std::vector<std::unique_ptr<Factory>> factories_;   ///< Bound: fixed.
    std::vector<std::unique_ptr<Listener>> listeners_;  ///< Bound: fixed.
    std::vector<std::unique_ptr<ThreadState>> states_;  ///< Of each thread. Bound: fixed.
};

}  // namespace carillon
