#include "kill/scenario.hpp"

#include "base/json.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace carillon::kill {
namespace {

using std::chrono::milliseconds;
using namespace load;

constexpr std::size_t connections = 16;
constexpr std::size_t write_lanes = 8;
constexpr auto retry_after = milliseconds(20);     // where no answer came
constexpr auto look_every = milliseconds(25);      // at each job
constexpr auto return_after = milliseconds(80);    // of a device cut off
constexpr std::uint64_t answer_delay_ms_max = 60;  // of a device

std::string number_text(std::uint64_t number) {
    return std::to_string(number);
}

}  // namespace

Scenario::Scenario(Loop& loop, TlsContext& tls, const Target& target, const FleetShape& shape,
                   std::uint64_t seed, Findings& findings)
    : loop_(loop),
      devices_(shape.devices),
      execution_s_(shape.execution_s),
      random_(seed),
      findings_(findings),
      pool_(loop, tls, target.https, target.host_name, authorization(target), connections),
      fleet_(loop, tls, target,
             {.first = 0, .devices = shape.connected, .connecting_max = 64, .return_after = return_after}),
      twins_(devices_),
      identities_(devices_),
      desired_seen_(devices_) {}

Scenario::~Scenario() = default;

Result<> Scenario::prepare() {
    const std::uint64_t failed = register_devices(loop_, pool_, {.devices = devices_});
    if (failed > 0) return fail(Errc::io_failed, number_text(failed) + " devices could not be registered");
    fleet_.on_request([this](std::uint64_t device, std::string_view request_id, std::string_view payload) {
        method_came(device, request_id, payload);
    });
    fleet_.on_desired([this](std::uint64_t device, std::string_view body) { desired_came(device, body); });
    if (!fleet_.connect_and_wait()) {
        return fail(Errc::unreachable, "only " + number_text(fleet_.ready_count()) +
                                           " devices connected; the last failed with: " + fleet_.last_loss());
    }
    return {};
}

void Scenario::start_writing() {
    is_writing_ = true;
    for (std::size_t lane = 0; lane < write_lanes; ++lane) write();
}

/// One write to a device that no other lane is writing to, then the next.
void Scenario::write() {
    if (!is_writing_) return;
    std::uint64_t device = random(devices_);
    const auto is_taken = [this](std::uint64_t d) {
        return twins_[d].sent > twins_[d].acknowledged || identities_[d].sent > identities_[d].acknowledged;
    };
    // A write whose answer never came leaves its device alone from then on, as its outcome is open.
    for (int tries = 0; is_taken(device) && tries < 100; ++tries) device = random(devices_);
    const bool is_twin = random(4) != 0;
    Written& written = is_twin ? twins_[device] : identities_[device];
    if (is_taken(device)) {
        loop_.after(retry_after, [this] { write(); });
        return;
    }
    const std::uint64_t number = ++written.sent;
    const std::string id = device_id(device);
    HttpRequest request;
    if (is_twin) {
        request = {"PATCH", target_of("/twins/" + id), R"({"tags":{"n":)" + number_text(number) + "}}", ""};
    } else {
        const std::string key = device_key(id);
        std::string body;
        JsonWriter json(body);
        json.begin_object().member("deviceId", id).member("statusReason", number_text(number));
        json.key("authentication").begin_object().member("type", "sas").key("symmetricKey").begin_object();
        json.member("primaryKey", key).member("secondaryKey", key).end_object().end_object().end_object();
        request = {"PUT", target_of("/devices/" + id), body, "If-Match: *\r\n"};
    }
    pool_.call(std::move(request), [this, &written, number, id](const HttpAnswer& answer) {
        if (answer.status == 200) {
            written.acknowledged = number;
            ++writes_;
        } else if (answer.status != 0) {
            findings_.add("a write to " + id + " was answered with " + std::to_string(answer.status) + ": " +
                          answer.body.substr(0, 200));
        }
        loop_.after(answer.status == 200 ? milliseconds(1) : retry_after, [this] { write(); });
    });
}

void Scenario::order(bool is_method) {
    const std::size_t index = jobs_.size();
    Job job;
    job.id = (is_method ? "method-" : "twin-") + number_text(index);
    job.is_method = is_method;
    if (is_method) job.deliveries.resize(devices_);
    const std::string body =
        is_method ? method_job("*", "lockDoor", R"({"job":)" + number_text(index) + "}", execution_s_)
                  : twin_job("*", R"({"job)" + number_text(index) + R"(":true})");
    jobs_.push_back(std::move(job));
    put(index, body);
}

/// PUTs a job until there is an answer, as a back end does that means it. Where an earlier try had
/// been accepted unheard, the answer is 409.
void Scenario::put(std::size_t index, const std::string& body) {
    HttpRequest request{"PUT", target_of("/jobs/v2/" + jobs_[index].id), body, ""};
    pool_.call(std::move(request), [this, index, body](const HttpAnswer& answer) {
        Job& job = jobs_[index];
        if (answer.status == 0) {
            job.is_unheard = true;
            loop_.after(retry_after, [this, index, body] { put(index, body); });
            return;
        }
        job.is_acknowledged = answer.status == 200 || (answer.status == 409 && job.is_unheard);
        job.is_known = job.is_known || job.is_acknowledged;
        if (!job.is_acknowledged) {
            findings_.add("PUT of " + job.id + " was answered with " + std::to_string(answer.status) + ": " +
                          answer.body.substr(0, 200));
        }
    });
}

void Scenario::start_watching() {
    is_watching_ = true;
    look(0);
}

void Scenario::look(std::size_t index) {
    if (!is_watching_) return;
    while (index < jobs_.size() && jobs_[index].last.is_ended()) ++index;
    if (index >= jobs_.size()) {
        loop_.after(look_every, [this] { look(0); });
        return;
    }
    pool_.call({"GET", target_of("/jobs/v2/" + jobs_[index].id), "", ""},
               [this, index, was_known = jobs_[index].is_known](const HttpAnswer& answer) {
                   judge(jobs_[index], was_known, answer.status, answer.body);
                   const auto pause =
                       answer.status == 200 ? Duration(milliseconds(1)) : Duration(retry_after);
                   loop_.after(pause, [this, index] { look(index + 1); });
               });
}

/// What holds at every look, also right after a restart: counters that add up, and never fall back.
/// `was_known` is for the moment the look was asked for: its answer may cross that to the order.
void Scenario::judge(Job& job, bool was_known, int status, const std::string& body) {
    if (status == 0) return;
    if (status != 200)
        return findings_.add("GET of " + job.id + " was answered with " + std::to_string(status));
    ++looks_;
    const JobLook seen = parse_job(body);
    if (seen.status == "unknown") {
        findings_.expect(!was_known, job.id + " was acknowledged or seen, and is unknown now");
        return;
    }
    job.is_known = true;
    const std::int64_t sum = seen.pending + seen.running + seen.succeeded + seen.failed + seen.canceled;
    findings_.expect(sum == seen.device, job.id + ": counters do not add up: " + body);
    findings_.expect(seen.succeeded >= job.last.succeeded && seen.failed >= job.last.failed,
                     job.id + ": a counter of ended devices fell: " + body);
    findings_.expect(seen.device == 0 || seen.device == static_cast<std::int64_t>(devices_),
                     job.id + ": not over every device: " + body);
    job.last = seen;
}

void Scenario::method_came(std::uint64_t device, std::string_view request_id, std::string_view payload) {
    const auto document = JsonDocument::parse(payload);
    const auto index = document ? document->root().find("job").integer() : std::nullopt;
    if (!index || static_cast<std::size_t>(*index) >= jobs_.size()) {
        return findings_.add("a method came with a payload that nobody sent: " + std::string(payload));
    }
    Job& job = jobs_[static_cast<std::size_t>(*index)];
    findings_.expect(++job.deliveries[device] == 1, job.id + " was sent again to " + device_id(device));
    loop_.after(milliseconds(random(answer_delay_ms_max)), [this, device, id = std::string(request_id)] {
        fleet_.respond(device, id, R"({"locked":true})");
    });
}

/// Versions that a device is told rise. One that came twice would have been told before it was durable.
void Scenario::desired_came(std::uint64_t device, std::string_view body) {
    ++notifications_;
    const auto document = JsonDocument::parse(body);
    const std::int64_t version = document ? document->root().find("$version").integer().value_or(0) : 0;
    findings_.expect(version > desired_seen_[device], device_id(device) + " was told version " +
                                                          std::to_string(version) + " after " +
                                                          std::to_string(desired_seen_[device]));
    desired_seen_[device] = std::max(desired_seen_[device], version);
}

bool Scenario::is_all_ended() const {
    return std::all_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.last.is_ended(); });
}

}  // namespace carillon::kill
