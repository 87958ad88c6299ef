#pragma once

#include "core/jobs/job_part.hpp"
#include "model/key_list.hpp"
#include "model/rollouts/members.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace carillon {

/// True if a job with this `from` takes the device of the other job.
bool is_chosen(const RolloutFrom& from, const PartState& state, std::uint32_t index);

/// Finds the devices that come to be members of a continuous job on one shard, and those that stop being some
/// before their turn. Looks at all devices at the begin and at a start of the hub, then at those that it is
/// told of, a slice at a time. Once it is the job's, a device is not taken again. The shard's thread only.
class PartMembers final : public BackgroundWork {
public:
    static constexpr std::chrono::microseconds slice_max{250};
    /// Ours: written devices that wait to be looked at. Beyond, all devices are looked at instead.
    static constexpr std::size_t waiting_max = 65'536;

    /// `renew` is called next.
    PartMembers(JobSite& site, std::shared_ptr<JobPart> part);
    ~PartMembers() override;

    /// The job whose devices it takes, by number; 0 if its condition alone says which.
    std::uint64_t source() const { return sources_->from; }
    const RolloutFrom& from() const { return *part_->entry().definition().rollout->from; }
    void renew();
    /// The device may have come or left.
    void look_at(Ordinal ordinal);
    void removed(const Record& record);
    bool step() override;

private:
    static constexpr std::uint32_t none = 0;
    static constexpr std::uint32_t joining = UINT32_MAX;
    struct Undone;

    using Joiners = std::vector<std::pair<std::string, Ordinal>>;

    bool learn_members(TimePoint enough);
    void read_gone();
    bool prepare();
    void read_source();
    void read_undone();
    void begin_pass();
    Record* next();
    Record* next_waiting();
    Record* next_in_pass();
    void examine(const Record& record);
    bool matches(const Record& record);
    void put_batch();
    void read_reversals_of_batch();
    void join_batch(std::vector<ReversalsEvent> reversals);
    void drop_from_batch(const std::vector<Ordinal>& dropped);
    void joined(const Joiners& joiners, std::optional<std::uint32_t> first);
    std::uint32_t& member(Ordinal ordinal);
    void wake();
    template <class Found, class Work, class Done>
    void on_storage(Work work, Done done);

    JobSite& site_;
    const std::shared_ptr<JobPart> part_;
    const std::shared_ptr<const MemberSources> sources_;
    const RolloutMembers rule_;
    std::optional<query::JobCondition> condition_;
    query::Meter meter_;

    /// By ordinal: index + 1, `none` or `joining`.  Bound: the shard's devices
    std::vector<std::uint32_t> members_;
    std::uint32_t learned_ = 0;  ///< Devices of the part that `members_` or `unregistered_` knows.
    /// Of them, by index, those that are not registered any more,  Bound: the part's devices
    std::vector<std::uint32_t> unregistered_;
    /// whose keys are here in the end.  Bound: the part's devices
    std::unordered_set<std::string> gone_;
    std::deque<Ordinal> waiting_;   ///< Bound: waiting_max, or with a source the shard's devices
    std::vector<bool> is_waiting_;  ///< By ordinal.
    Ordinal cursor_ = 0;            ///< Of the pass over all.
    bool is_passing_ = false;
    bool passes_again_ = false;
    bool is_turn_of_pass_ = false;
    bool has_source_ = false;  ///< What its source had is read.
    bool is_reading_ = false;
    bool is_disk_full_ = false;
    Joiners batch_;                   ///< Bound: JoinedEvent::devices_max
    std::size_t joins_ = 0;           ///< Events on their way to disk.
    std::unique_ptr<Undone> undone_;  ///< Of an undo.
};

}  // namespace carillon
