#include "device_transfer_job.hpp"

#include "base/json.hpp"
#include "hub_flags.hpp"
#include "terminal.hpp"

#include <chrono>
#include <iostream>
#include <thread>

namespace carillon {

namespace {

constexpr std::chrono::milliseconds between_job_looks{500};
/// Looks in a row that fail to reach the hub before the command gives up; the job goes on.
constexpr int failed_looks_max = 120;

struct Look {
    std::string id;
    std::string status;
    std::string message;
    std::int64_t progress = 0;
    std::int64_t errors = 0;

    bool is_over() const { return status == "completed" || status == "failed" || status == "cancelled"; }
};

Result<Look> read_look(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    if (!document) return fail(Errc::malformed_packet, "the hub's answer is not JSON");
    const JsonValue job = document->root();
    Look look;
    look.id = job.find("jobId").string();
    look.status = job.find("status").string();
    look.progress = job.find("progress").integer().value_or(0);
    look.errors = job.find("errorCount").integer().value_or(0);
    look.message = job.find("failureReason").string();
    if (look.message.empty()) look.message = job.find("statusMessage").string();
    if (look.id.empty()) return fail(Errc::malformed_packet, "the hub's answer names no job");
    return look;
}

}  // namespace

Result<Exit> run_transfer_job(const HubFlags& flags, ServiceClient& client, std::string_view request_json,
                              bool waits) {
    auto job = client.create_transfer_job(request_json);
    if (!job) return fail(std::move(job).error());
    auto look = read_look(*job);
    if (!look) return fail(std::move(look).error());
    if (!waits) return show_document(flags, *job);
    std::cerr << "job " << look->id << " accepted\n";
    StatusLine line;
    int failed_looks = 0;
    while (!look->is_over()) {
        line.show(look->status + ", " + std::to_string(look->progress) + " %");
        std::this_thread::sleep_for(between_job_looks);
        auto next = client.find_transfer_job(look->id);
        if (!next) {
            // The hub may be starting again, and the job with it.
            const bool may_pass =
                next.error().code == Errc::unreachable || next.error().code == Errc::connection_closed ||
                next.error().code == Errc::gateway_timeout || next.error().code == Errc::service_unavailable;
            if (!may_pass || ++failed_looks > failed_looks_max) return fail(std::move(next).error());
            continue;
        }
        failed_looks = 0;
        look = read_look(*next);
        if (!look) return fail(std::move(look).error());
        job = std::move(next);
    }
    line.clear();
    std::cerr << "job " << look->id << " " << look->status;
    if (!look->message.empty()) std::cerr << ": " << look->message;
    std::cerr << '\n';
    show_document(flags, *job);
    if (look->status != "completed") return Exit::failed;
    return look->errors > 0 ? Exit::devices_failed : Exit::ok;
}

}  // namespace carillon
