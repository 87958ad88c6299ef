#pragma once

#include "core/jobs/job_twin_part.hpp"
#include "core/rollouts/confirm/awaited_devices.hpp"
#include "core/rollouts/confirm/confirm_rule.hpp"
#include "query/query.hpp"

#include <optional>
#include <vector>

namespace carillon {

/// What a part of a twin job holds whose devices confirm what was written.
struct TwinPart::Confirming {
    Confirming(const RolloutConfirm& confirm, const TwinPatch& patch, const query::QueryOptions& options);

    std::optional<ConfirmRule> rule;               ///< By reported values and acknowledgements,
    std::optional<query::JobCondition> condition;  ///< or by a condition.
    AwaitedDevices devices;
    /// Known and not on their way to disk.  Bound: the devices of the part
    std::vector<ConfirmedEvent::Device> confirmed;
    std::vector<std::uint32_t> superseded;  ///< The same.  Bound: the devices of the part
    std::size_t unsettled = 0;              ///< Known, and not durable yet.
    query::Meter meter;
    std::uint64_t armed = 0;     ///< Counts the timers there were for `within`.
    bool is_put_armed = false;   ///< A timer will write what is confirmed.
    bool is_look_armed = false;  ///< A timer will look for those that were not reached.
};

}  // namespace carillon
