#pragma once

#include "base/result.hpp"
#include "core/jobs/job_part.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <cstdint>

namespace carillon {

/// What the log of one part of a job says: its devices, and how far each has come. `is_undo` for a job that
/// takes back what another one wrote, of which `undo_bytes_max` are held. `wants_times`: when devices began
/// and answered. Fails with `store_failed`, or
/// `store_corrupt` where the log does not fold.
Result<JobPart::Targets> read_part(const Store& store, std::uint64_t job, std::uint32_t shard, bool is_undo,
                                   std::size_t undo_bytes_max, bool wants_times);

}  // namespace carillon
