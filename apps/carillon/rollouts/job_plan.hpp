#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "hub_flags.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// Has the hub look what a job would do, waits for that and prints it. `body` is the job's request.
Result<Exit> show_job_plan(ServiceClient& client, const HubFlags& flags, std::string_view body);

/// What `carillon job apply` says of a plan.
struct PlanOrder {
    std::string plan;
    std::string job;    ///< Its id.
    std::string hash;   ///< Empty: that of the plan as it is now.
    std::string drift;  ///< Empty: the hub's own.
    std::string start;  ///< As `start_time_text` takes it, or empty.
    std::string note;
};
/// The body of the job's request. Fails with `config_invalid`.
Result<std::string> plan_request_json(const PlanOrder& order, WallTime now);
/// The hash that a plan shows. Fails with `config_invalid` where it is not done.
Result<std::string> plan_hash(ServiceClient& client, const std::string& plan);

/// `1000 devices, 12 of them connected; 400 writes change nothing`, and what else a person should see: a line
/// each.
std::string plan_summary(std::string_view plan_json);

}  // namespace carillon
