#pragma once

#include "core/jobs/job_part.hpp"
#include "core/shard/shard.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace carillon {

class PartMembers;

/// Tells the continuous jobs of one shard which devices may have come to be their members: those whose twins
/// were written, and those that have come into a state of the job before them. The shard's thread only.
class MemberWatch final : public WriteObserver {
public:
    explicit MemberWatch(Shard& shard);
    ~MemberWatch() override;
    MemberWatch(const MemberWatch&) = delete;
    MemberWatch& operator=(const MemberWatch&) = delete;

    /// The part has its first orders, and takes devices from now on.
    void open(JobSite& site, const std::shared_ptr<JobPart>& part);
    /// Its orders have changed, or it may go on after the store refused something.
    void renew(std::uint64_t job);
    /// It has ended.
    void drop(std::uint64_t job);

    /// True if a continuous job takes its devices from this one.
    bool is_source(std::uint64_t job) const;
    /// Devices of such a job have changed their states, durably.
    void moved(const JobPart& part, const PartState& state, const std::vector<std::uint32_t>& indexes);
    void settled(Record& record) override;
    void removed(const Record& record);
    void stop();

private:
    void follow();

    Shard& shard_;
    std::map<std::uint64_t, std::shared_ptr<PartMembers>>
        parts_;                           ///< By job.  Bound: JobEngineLimits::continuous_max
    std::vector<std::uint64_t> sources_;  ///< Of them.  Bound: the same
};

}  // namespace carillon
