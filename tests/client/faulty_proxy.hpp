#pragma once

#include "load/tls.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace carillon::client_test {

/// A bad network before a hub: carries bytes both ways, and does to them what it is told. Runs on a thread of
/// its own; its settings may be changed at any time.
class FaultyProxy {
public:
    explicit FaultyProxy(load::Endpoint hub);
    ~FaultyProxy();
    std::uint16_t port() const { return port_; }

    /// Cuts each connection when it has carried so many bytes, wherever that is in a packet; 0: never.
    void cut_after(std::size_t bytes) { cut_after_ = bytes; }
    /// Carries at most so many bytes in a millisecond and direction; 0: as many as there are.
    void carry_per_ms(std::size_t bytes) { carry_per_ms_ = bytes; }
    /// Swallows everything while connections stay.
    void swallow(bool on) { swallows_ = on; }
    /// Connections that were made.
    int connections() const { return connections_; }

private:
    struct Pair;
    void run();
    bool carry(Pair& pair, int from, int to);

    const load::Endpoint hub_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<std::size_t> cut_after_{0};
    std::atomic<std::size_t> carry_per_ms_{0};
    std::atomic<bool> swallows_{false};
    std::atomic<bool> is_ending_{false};
    std::atomic<int> connections_{0};
    std::vector<std::unique_ptr<Pair>> pairs_;  ///< The thread's.
    std::thread thread_;
};

}  // namespace carillon::client_test
