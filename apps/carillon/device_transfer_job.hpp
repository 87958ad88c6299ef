#pragma once

#include "carillon/service_client.hpp"
#include "commands.hpp"

#include <string>
#include <string_view>

namespace carillon {

struct HubFlags;

/// Creates an import or export job and follows it to its end, on standard error; prints the job. Ends
/// with `devices_failed` if lines were refused, `failed` if the job was. Without `waits` it prints the
/// job as it was accepted.
Result<Exit> run_transfer_job(const HubFlags& flags, ServiceClient& client, std::string_view request_json,
                              bool waits);

}  // namespace carillon
