#pragma once

#include "core/jobs/job_board.hpp"
#include "core/jobs/job_record.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace carillon {

/// A job as a start of the hub finds it in the store.
struct LoadedJob {
    std::uint64_t number = 0;
    JobRecord record;

    // Of one that runs; empty for others:
    std::shared_ptr<JobEntry> entry;
    std::uint64_t start = 0;   ///< Numbers its start.
    bool is_chained = false;   ///< Its events are hashed into each other.
    bool wants_times = false;  ///< A test of a wave asks when devices began and answered.
    struct Part {
        std::uint64_t started = 0;  ///< Devices that it began with,
        std::uint64_t devices = 0;  ///< and has now.
    };
    std::vector<Part> parts;  ///< Each is written by its shard.

    bool is_running() const { return record.status == JobStatus::running; }
    bool is_undo() const {
        const auto& rollout = entry->definition().rollout;
        return rollout && !rollout->undo_of.empty();
    }
};

}  // namespace carillon
