#pragma once

#include "core/jobs/job_log.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace carillon {

/// What would have become of a job under another policy.
struct WhatIfAnswer {
    /// How it stands where the record, or what follows from it, ends.
    enum class End : std::uint8_t { open, paused, cancelled, completed };
    bool is_replay = false;  ///< Devices begin as they did; else they begin as the policy lets them.
    std::vector<JobLogEvent> decisions;  ///< Bound: RecordedJobLimits, and some for each wave and rule.
    End end = End::open;
    WallTime ended;
    std::optional<bool> verdict;
    std::uint64_t devices = 0;
    std::uint64_t touched = 0;  ///< Begun.
    GateCounts counts;
    /// Touched, and what comes of them is not on record.
    std::uint64_t unknown = 0;
};

/// Goes over a recorded job under another policy, a piece at a time. Has no clock, store or thread.
class WhatIf {
public:
    /// Ours: of one piece, events, or devices that begin or end;
    static constexpr std::size_t piece_max = 512;
    /// and devices that events name.
    static constexpr std::size_t piece_devices_max = 4096;
    WhatIf() = default;
    virtual ~WhatIf() = default;
    WhatIf(const WhatIf&) = delete;
    WhatIf& operator=(const WhatIf&) = delete;
    /// False when it is through.
    virtual bool step() = 0;
    virtual WhatIfAnswer take() = 0;
};

/// What a verdict among the decisions says.
std::optional<bool> verdict_of(const std::vector<JobLogEvent>& decisions);

}  // namespace carillon
