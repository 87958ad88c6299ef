#pragma once

#include "carillon/service_job.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// The request of a job; without `job` no id is in it.
std::string method_job_json(std::string_view job, const JobPlan& plan, const MethodInvocation& call);
/// Fails with `argument_invalid` where `patch_json` is no object.
Result<std::string> twin_job_json(std::string_view job, const JobPlan& plan, std::string_view patch_json);

}  // namespace carillon
