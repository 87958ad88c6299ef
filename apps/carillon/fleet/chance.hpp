#pragma once

#include <cstdint>

namespace carillon::fleet {

/// What a device decides by chance; each has a stream of its own.
enum class Purpose : std::uint64_t {
    method = 1,
    absence,
    presence,
    backoff,
    reported,
    telemetry,
    reading,
    start,
    firmware,
    following,
    place
};

/// Chance that is a pure function of who decides what for the how manieth time: the same seed gives the
/// same decisions, in whatever order devices come to them. Splitmix64, as SeededRandom; not for keys.
class Chance {
public:
    Chance(std::uint64_t seed, std::uint64_t device, Purpose purpose, std::uint64_t nth) : state_(seed) {
        for (std::uint64_t word : {device, static_cast<std::uint64_t>(purpose), nth}) state_ = next() ^ word;
    }

    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
    /// 0 or more, below 1.
    double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    /// True in `percent` of a hundred cases.
    bool happens(double percent) { return uniform() * 100 < percent; }

private:
    std::uint64_t state_;
};

}  // namespace carillon::fleet
