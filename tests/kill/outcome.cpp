// What must hold when all is quiet: the hub's answers against what was acknowledged and delivered.
#include "base/json.hpp"
#include "base/text.hpp"
#include "kill/scenario.hpp"

#include <map>
#include <string>
#include <vector>

namespace carillon::kill {
namespace {

using namespace load;

std::string to_text(std::uint64_t number) {
    return std::to_string(number);
}

/// Every record of `devices.jobs` of one job: its status by device id.
class Records {
public:
    Records(HttpPool& pool, const Job& job, Findings& findings) {
        // The preview flavour carries its continuation in the body, where a simple client can see it.
        std::string token = "null";
        for (;;) {
            std::string body = R"({"sql":"SELECT * FROM devices.jobs WHERE devices.jobs.jobId = ')" + job.id +
                               R"('","pageSize":1000,"continuationToken":)" + token + "}";
            const HttpAnswer answer = pool.call_and_wait(
                {"POST", "/devices/query?api-version=2016-09-30-preview", std::move(body), ""});
            const auto document = JsonDocument::parse(answer.body);
            if (answer.status != 200 || !document) {
                findings.add("records of " + job.id + ": " + std::to_string(answer.status) + " " +
                             answer.body.substr(0, 200));
                return;
            }
            const JsonValue items = document->root().find("items");
            for (JsonValue item = items.first(); item.exists(); item = item.next()) {
                const std::string device(item.find("deviceId").string());
                const std::string status(item.find("status").string());
                findings.expect(by_device_.emplace(device, status).second,
                                job.id + ": two records of " + device);
                ++count_[status];
                findings.expect(status != "failed" || !item.find("error").find("code").string().empty(),
                                job.id + ": " + device + " failed without a reason");
            }
            const JsonValue next = document->root().find("continuationToken");
            if (next.is_null_or_absent()) return;
            token = std::string(next.raw());
        }
    }
    std::int64_t count(const std::string& status) { return count_[status]; }
    std::size_t size() const { return by_device_.size(); }
    std::string of(const std::string& device) const {
        const auto found = by_device_.find(device);
        return found == by_device_.end() ? std::string() : found->second;
    }

private:
    std::map<std::string, std::string> by_device_;
    std::map<std::string, std::int64_t> count_;
};

void check_method_job(const Job& job, const Records& records, Findings& findings) {
    for (std::size_t device = 0; device < job.deliveries.size(); ++device) {
        const std::string id = device_id(device);
        const std::string status = records.of(id);
        findings.expect(
            status != "completed" || job.deliveries[device] == 1,
            job.id + ": " + id + " is completed and got " + to_text(job.deliveries[device]) + " requests");
    }
}

void check_job(HttpPool& pool, const Job& job, std::uint64_t devices, std::vector<std::uint64_t>& patches,
               Findings& findings) {
    findings.expect(job.last.status == "completed", job.id + " ended as " + job.last.status);
    Records records(pool, job, findings);
    findings.expect(records.size() == devices, job.id + " has " + to_text(records.size()) + " records");
    findings.expect(records.count("completed") == job.last.succeeded &&
                        records.count("failed") == job.last.failed &&
                        records.count("canceled") == job.last.canceled,
                    job.id + ": counters and records differ");
    if (job.is_method) return check_method_job(job, records, findings);
    findings.expect(job.last.failed == 0, job.id + ": " + std::to_string(job.last.failed) + " twins failed");
    for (std::uint64_t device = 0; device < devices; ++device) {
        patches[device] += records.of(device_id(device)) == "completed" ? 1 : 0;
    }
}

void check_between(std::int64_t stored, const Written& written, const std::string& what, Findings& findings) {
    findings.expect(stored >= static_cast<std::int64_t>(written.acknowledged) &&
                        stored <= static_cast<std::int64_t>(written.sent),
                    what + " is " + std::to_string(stored) + ", acknowledged were " +
                        to_text(written.acknowledged) + ", sent " + to_text(written.sent));
}

void check_device(HttpPool& pool, Scenario& scenario, std::uint64_t device, std::uint64_t patches,
                  Findings& findings) {
    const std::string id = device_id(device);
    const HttpAnswer twin = pool.call_and_wait({"GET", target_of("/twins/" + id), "", ""});
    const auto document = JsonDocument::parse(twin.body);
    if (twin.status != 200 || !document) {
        return findings.add("twin of " + id + ": " + std::to_string(twin.status));
    }
    const JsonValue desired = document->root().find("properties").find("desired");
    // A new twin's desired properties have `$version` 1, and each patch adds 1.
    const std::int64_t version = desired.find("$version").integer().value_or(0);
    findings.expect(
        version == static_cast<std::int64_t>(1 + patches),
        id + " was patched " + std::to_string(version - 1) + " times by " + to_text(patches) + " jobs");
    for (std::size_t index = 0; index < scenario.jobs().size(); ++index) {
        const Job& job = scenario.jobs()[index];
        if (job.is_method) continue;
        findings.expect(desired.find("job" + to_text(index)).boolean(),
                        id + " lacks what " + job.id + " wrote");
    }
    check_between(document->root().find("tags").find("n").integer().value_or(0),
                  scenario.twins_written()[device], id + ": tags.n", findings);

    const HttpAnswer identity = pool.call_and_wait({"GET", target_of("/devices/" + id), "", ""});
    const auto parsed = JsonDocument::parse(identity.body);
    if (identity.status != 200 || !parsed) {
        return findings.add("identity " + id + ": " + std::to_string(identity.status));
    }
    check_between(parse_i64(parsed->root().find("statusReason").string()).value_or(0),
                  scenario.identities_written()[device], id + ": statusReason", findings);
}

}  // namespace

void check_outcome(Scenario& scenario, Findings& findings) {
    HttpPool& pool = scenario.pool();
    std::vector<std::uint64_t> patches(scenario.devices());
    for (const Job& job : scenario.jobs()) check_job(pool, job, scenario.devices(), patches, findings);
    for (std::uint64_t device = 0; device < scenario.devices(); ++device) {
        check_device(pool, scenario, device, patches[device], findings);
    }
}

}  // namespace carillon::kill
