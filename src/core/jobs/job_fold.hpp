#pragma once

#include "core/jobs/job_events.hpp"
#include "core/jobs/job_state.hpp"
#include "model/key_list.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// One part of a job as its log tells it, with the devices' keys; for reading rows of `devices.jobs`.
/// Takes about 20 bytes a device. Payloads stay in the log: `last_event` says where.
class JobFold {
public:
    JobFold() = default;
    JobFold(JobFold&&) = default;
    JobFold& operator=(JobFold&&) = default;
    JobFold(const JobFold&) = delete;
    JobFold& operator=(const JobFold&) = delete;

    /// `changed` is told of each device whose state the event changes. False if the event does not fit, so
    /// the log is damaged.
    bool apply(std::uint64_t sequence, const JobEvent& event,
               const std::function<void(std::uint32_t)>& changed = {});

    std::size_t size() const { return keys_.size() + joined_.size(); }
    /// The device id, for a module NUL and the module id.
    std::string key(std::uint32_t index) const {
        return index < keys_.size() ? keys_.get(index) : *joined_[index - keys_.size()];
    }
    /// Of the device with this key; nothing if there is none.
    std::optional<std::uint32_t> find(std::string_view key) const;
    const PartState& state() const { return state_; }
    /// The sequence of the first event not yet applied.
    std::uint64_t next_sequence() const { return next_sequence_; }
    std::size_t memory() const;

    struct Mark {
        std::uint64_t sequence = 0;
        WallTime time;
    };
    /// The event that changed this device last.
    const Mark& last_event(std::uint32_t index) const { return marks_[last_[index]]; }
    /// The status a device answered; 0 if it did not.
    int answer_status(std::uint32_t index) const { return index < statuses_.size() ? statuses_[index] : 0; }

    /// Walks the devices in the order of their keys; more may be applied meanwhile.
    class Walk {
    public:
        /// Begins with the first key not less than `from`.
        Walk(const JobFold& fold, std::string_view from);
        bool has() const { return index_.has_value(); }
        std::uint32_t index() const { return *index_; }
        const std::string& key() const { return key_; }
        void next();

    private:
        using Joined = std::map<std::string, std::uint32_t, std::less<>>::const_iterator;
        void settle(Joined joined);

        const JobFold& fold_;
        std::size_t base_;  ///< The next of the devices that the job started with.
        std::optional<std::uint32_t> index_;
        std::string key_;
    };

private:
    KeyList keys_;  ///< Of the devices that the job started with.
    // Of those that have joined it since:
    std::map<std::string, std::uint32_t, std::less<>> joined_by_key_;  ///< Indexes.
    std::vector<const std::string*> joined_;                           ///< Its keys, by index.
    std::size_t joined_bytes_ = 0;
    PartState state_;
    std::vector<Mark> marks_;
    std::vector<std::uint32_t> last_;     ///< Into `marks_`.
    std::vector<std::int32_t> statuses_;  ///< Method jobs only, from the first answer on.
    std::uint64_t next_sequence_ = 0;
};

}  // namespace carillon
