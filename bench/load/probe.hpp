#pragma once

#include "load/fleet.hpp"
#include "load/measure.hpp"

#include <cstdint>

namespace carillon::load {

/// What a person at a console would notice: one direct method after the other to devices of `fleet`,
/// and one read of a twin after the other, each over a connection of its own.
class Probe {
public:
    /// How long after an answer the next request leaves: a steady trickle, not a load.
    static constexpr std::chrono::milliseconds pause{2};

    Probe(Loop& loop, TlsContext& tls, const Target& target, std::uint64_t devices);

    /// Begins, or goes on; what ends from here on is added to `methods` and `twins`.
    void measure(Samples& methods, Samples& twins);
    /// Asks nothing more. Requests under way end unmeasured.
    void rest();
    std::uint64_t failures() const { return failures_; }

private:
    void call_method();
    void read_twin();
    void again(void (Probe::*ask)());

    Loop& loop_;
    HttpPool methods_pool_;
    HttpPool twins_pool_;
    std::uint64_t devices_;
    std::uint64_t next_ = 0;
    std::uint64_t failures_ = 0;
    Samples* methods_ = nullptr;
    Samples* twins_ = nullptr;
    bool is_on_ = false;
    int under_way_ = 0;
};

}  // namespace carillon::load
