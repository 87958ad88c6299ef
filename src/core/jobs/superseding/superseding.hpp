#pragma once

#include "core/jobs/job_part.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace carillon {

/// Lets a part begin that takes devices over: first what it shares with parts that began before is taken from
/// them, durably, so that no older value follows a newer one. One shard's thread.
class Superseding final : public BackgroundWork {
public:
    static constexpr std::chrono::microseconds slice_max{250};
    /// Devices between two looks at the clock, and that are taken at once.
    static constexpr std::uint32_t looked_at_once = 1024;
    /// Ours: how soon it is looked again whether all is on disk.
    static constexpr std::chrono::milliseconds look_delay{50};

    Superseding(JobSite& site, std::shared_ptr<JobPart> part, std::vector<std::shared_ptr<JobPart>> older);

    bool step() override;
    /// Takes all devices in one go, before anything of the hub begins. `step` then waits.
    void take_all();

private:
    /// A slice; false when there is nothing more to take.
    bool take(TimePoint enough);
    void wait();

    JobSite& site_;
    const std::shared_ptr<JobPart> part_;
    const std::vector<std::shared_ptr<JobPart>> older_;  ///< Bound: superseding_jobs_max
    std::vector<bool> ours_;                             ///< By ordinal.  Bound: the shard's devices
    std::uint32_t own_ = 0;                              ///< The next of the part's own devices,
    std::size_t other_ = 0;                              ///< of the older parts,
    std::uint32_t index_ = 0;                            ///< and of its devices.
    bool has_begun_ = false;
};

}  // namespace carillon
