#pragma once

#include "base/result.hpp"
#include "carillon/service_client.hpp"
#include "job_request.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// The statement that counts what a job's condition selects. Fails with `config_invalid` for a condition that
/// is a whole statement, which no job takes. Source: azure-iot-sdk-csharp#40.
Result<std::string> count_statement(std::string_view condition);

/// What a job would be for, if it began now.
struct JobTargets {
    std::optional<std::int64_t> count;  ///< Nothing where this login may not ask.
    std::vector<std::string> missing;   ///< Of the ids that are named, those that no device has.
    std::vector<std::string> doubts;    ///< What in the condition can hold for no device.
};

/// Asks the hub, which so parses the condition before there is a job that would fail by it. Fails with
/// `config_invalid` for a condition that does not parse, else as queries do.
Result<JobTargets> find_job_targets(ServiceClient& client, const JobOrder& order);

/// `1,200 devices match the condition`, and what follows from none.
std::string targets_text(std::int64_t count, bool is_later);

}  // namespace carillon
