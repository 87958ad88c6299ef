// The back end: orders two jobs over the door, one that locks it and one that tells it where it is, and
// looks at them until they have ended, a line for each look.
//
//   export OFFICE_CONNECTION_STRING="$(carillon connection-string)"
//   export CARILLON_CA=carillon-data/ca.pem
//   schedule_job_service front-door lock-the-door where-it-is
#include <carillon/service_client.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace carillon;
using namespace std::chrono_literals;

constexpr auto look_every = 1s;
constexpr auto longest = 300s;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// Says what the hub said to an order; nothing was ordered if it refused.
bool is_accepted(const std::string& what, const Result<JobReport>& job) {
    if (!job) {
        std::cerr << "the hub refuses to " << what << ": " << job.error().detail << std::endl;
        return false;
    }
    std::cout << "ordered: " << what << ", job " << job->id << " is " << job->status << std::endl;
    return true;
}

// Looks at each job until it has ended. True if all went well: a job is completed also where devices
// have failed, so they are counted.
bool follow(ServiceClient& hub, std::vector<std::string> jobs) {
    bool all_well = true;
    while (!jobs.empty()) {
        std::vector<std::string> under_way;
        for (const std::string& id : jobs) {
            const auto job = hub.job_status(id);
            if (!job) {
                std::cerr << "Job: " << id << " - " << job.error().detail << std::endl;
                return false;
            }
            std::cout << "Job: " << id << " - status: " << job->status << std::endl;
            if (!job->has_ended()) under_way.push_back(id);
            if (job->has_ended()) all_well = all_well && job->status == "completed" && job->failed == 0;
        }
        jobs = under_way;
        if (!jobs.empty()) std::this_thread::sleep_for(look_every);
    }
    return all_well;
}

// What a device answered to its method.
void show_answers(ServiceClient& hub, const std::string& job) {
    const auto rows = hub.job_devices(job, "completed", 100);
    if (!rows) return;
    for (const std::string& row : rows->items) std::cout << row << std::endl;
}

int main(int count, char** arguments) {
    if (count != 4) {
        std::cerr << "usage: schedule_job_service DEVICE METHOD_JOB TWIN_JOB" << std::endl;
        return 2;
    }
    const std::string device = arguments[1];
    const std::string method_job = arguments[2];
    const std::string twin_job = arguments[3];

    ServiceOptions options;
    options.connection_string = environment("OFFICE_CONNECTION_STRING");
    options.ca_file = environment("CARILLON_CA");
    auto hub = ServiceClient::open(options);
    if (!hub) {
        std::cerr << "no hub: " << hub.error().detail << std::endl;
        return 1;
    }

    // For one device here; `tags.building = '43'` would be a whole house, `*` all there are.
    JobPlan plan;
    plan.condition = "deviceId = '" + device + "'";
    plan.time_max = longest;
    JobPlan in_a_moment = plan;
    in_a_moment.start = std::chrono::system_clock::now() + 2500ms;

    MethodInvocation lock;
    lock.name = "lockDoor";
    lock.payload_json = R"({"force":true})";
    lock.response_timeout_s = 45;
    const auto locking = hub->schedule_method_job(method_job, in_a_moment, lock);
    if (!is_accepted("lock the door in a moment", locking)) return 1;

    const char* place = R"({"properties":{"desired":{"building":"43","floor":3}}})";
    if (!is_accepted("tell it where it is", hub->schedule_twin_job(twin_job, plan, place))) return 1;

    const bool all_well = follow(*hub, {method_job, twin_job});
    show_answers(*hub, method_job);
    return all_well ? 0 : 1;
}
