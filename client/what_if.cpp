#include "carillon/what_if.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "carillon/service_client.hpp"

namespace carillon {

Result<std::string> ask_what_if(ServiceClient& client, std::string_view job, std::string_view changes_json) {
    const std::string target = "/carillon/jobs/" + percent_encode(job) + "/what-if";
    std::string body;
    JsonWriter(body).begin_object().member_raw("rollout", changes_json).end_object();
    return client.send({.method = "POST", .target = target, .body = body});
}

Result<std::string> ask_what_if(ServiceClient& client, std::string_view job, const RolloutPlan& changes) {
    return ask_what_if(client, job, std::string_view(rollout_json(changes)));
}

}  // namespace carillon
