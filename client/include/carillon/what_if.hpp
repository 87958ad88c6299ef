#pragma once

#include "base/result.hpp"
#include "carillon/rollout_plan.hpp"

#include <string>
#include <string_view>

namespace carillon {

class ServiceClient;

/// What would have become of a job with another rollout, from its log; changes nothing. Of `changes` pace,
/// waves, stop, success and retry can be asked about; nothing: the job as it was. Gives what the hub says
/// (docs/rollout-reference.md). Fails with `argument_invalid`, `operation_not_allowed_in_current_state` for a
/// job that has not begun, and `throttling_exception` while another question is answered.
Result<std::string> ask_what_if(ServiceClient& client, std::string_view job, const RolloutPlan& changes = {});
/// The same; `changes_json` is a merge patch of the rollout.
Result<std::string> ask_what_if(ServiceClient& client, std::string_view job, std::string_view changes_json);

}  // namespace carillon
