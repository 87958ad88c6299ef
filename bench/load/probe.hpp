#pragma once

#include "load/hub.hpp"
#include "load/measure.hpp"

#include <sys/types.h>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace carillon::load {

/// What a probe asks a hub for, again and again, each over a connection of its own.
enum class Asked : std::uint8_t { method, twin, job };
inline constexpr std::array asked_names{"method", "twin", "get"};

/// A series of answers in sum.
struct Percentiles {
    std::uint64_t count = 0;
    double p50_us = 0;
    double p99_us = 0;
};
/// By `Asked`.
using ProbeFigures = std::array<Percentiles, asked_names.size()>;

/// A person at a console with a few devices on the desk: one direct method after the other to these
/// devices, one read of a twin and one look at a job after the other. In a process of its own, so
/// that what it sees is the hub's doing and not the queue of a loop that plays a whole fleet.
class Probe {
public:
    /// How long after an answer the next request leaves: a steady trickle, not a load.
    static constexpr std::chrono::milliseconds pause{2};

    /// Starts the process and connects devices `first` to `first + devices - 1`, which are registered;
    /// returns when they are there. Before the caller has threads.
    static Result<Probe> start(const Target& target, std::uint64_t first, std::uint64_t devices);
    Probe(Probe&& other) noexcept;
    Probe& operator=(Probe&&) = delete;
    ~Probe();

    /// What is asked from here on counts as quiet or as busy; `job` is the one to look at.
    void measure(bool is_busy, const std::string& job);
    /// Asks nothing more. What is under way ends unmeasured.
    void rest();
    /// Ends the process. Fails if a request did.
    struct Findings {
        ProbeFigures quiet, busy;
    };
    Result<Findings> finish();

private:
    Probe(pid_t process, int commands, int answers)
        : process_(process), commands_(commands), answers_(answers) {}
    /// One line to the process, and its answer.
    std::string ask(const std::string& line);

    pid_t process_;
    int commands_;
    int answers_;
};

}  // namespace carillon::load
