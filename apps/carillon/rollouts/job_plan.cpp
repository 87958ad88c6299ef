#include "rollouts/job_plan.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "job_request.hpp"
#include "terminal_text.hpp"

#include <fmt/core.h>
#include <chrono>
#include <iostream>
#include <thread>

namespace carillon {

namespace {

/// Ours: between two looks at a plan that is on its way.
constexpr std::chrono::milliseconds look_interval{100};

std::int64_t count_in(JsonValue object, std::string_view name) {
    return object.find(name).integer().value_or(0);
}

std::string plan_path(const std::string& plan) {
    return "/carillon/plans/" + percent_encode(plan);
}

}  // namespace

std::string plan_summary(std::string_view plan_json) {
    const auto document = JsonDocument::parse(plan_json);
    if (!document) return {};
    const JsonValue plan = document->root();
    const JsonValue targets = plan.find("targets");
    std::string text = fmt::format("{} devices, {} of them connected", count_in(targets, "count"),
                                   count_in(targets, "online"));
    if (const auto disabled = count_in(targets, "disabled"); disabled > 0)
        text += fmt::format(", {} disabled", disabled);
    if (const auto unknown = count_in(targets, "unknown"); unknown > 0)
        text += fmt::format(", {} not registered", unknown);
    if (const JsonValue effect = plan.find("effect"); effect.is_object()) {
        text += fmt::format("; {} twins change, {} already have it", count_in(effect, "changes"),
                            count_in(effect, "noOps"));
        if (const auto large = count_in(effect, "tooLarge"); large > 0)
            text += fmt::format(", {} would be too large", large);
    }
    for (JsonValue v = plan.find("collisions").first(); v.exists(); v = v.next()) {
        text += fmt::format("\ncollides with job {}: {} in {} devices", v.find("job").string(),
                            on_one_line(std::string(v.find("key").string())), count_in(v, "devices"));
    }
    const JsonValue estimate = plan.find("estimate");
    if (const auto seconds = count_in(estimate, "secondsAtLeast"); seconds > 0)
        text += fmt::format("\ntakes at least {} s by its pace and soaks", seconds);
    if (estimate.find("fits").is_boolean() && !estimate.find("fits").boolean())
        text +=
            fmt::format(", which is more than its deadline of {} s", count_in(estimate, "deadlineSeconds"));
    return text;
}

Result<Exit> show_job_plan(ServiceClient& client, const HubFlags& flags, std::string_view body) {
    const auto begun =
        client.send({.method = "POST", .target = "/carillon/plans", .body = std::string(body)});
    if (!begun) return fail(begun.error());
    const auto accepted = JsonDocument::parse(*begun);
    const std::string id(accepted ? accepted->root().find("id").string() : "");
    if (id.empty()) return fail(Errc::malformed_packet, "the hub's answer names no plan");
    for (;;) {
        const auto plan = client.send({.method = "GET", .target = plan_path(id), .body = {}});
        if (!plan) return fail(plan.error());
        const auto document = JsonDocument::parse(*plan);
        const std::string_view state = document ? document->root().find("state").string() : "";
        if (state == "running") {
            std::this_thread::sleep_for(look_interval);
            continue;
        }
        if (state == "failed") {
            std::cerr << "carillon: the hub could not make the plan: "
                      << on_one_line(std::string(document->root().find("failureReason").string())) << '\n';
            return Exit::conflict;
        }
        std::cerr << plan_summary(*plan) << "\nCarry it out with: carillon job apply " << id << '\n';
        return show_document(flags, *plan);
    }
}

Result<std::string> plan_hash(ServiceClient& client, const std::string& plan) {
    const auto found = client.send({.method = "GET", .target = plan_path(plan), .body = {}});
    if (!found) return fail(found.error());
    const auto document = JsonDocument::parse(*found);
    const std::string_view hash = document ? document->root().find("hash").string() : "";
    if (hash.empty()) return fail(Errc::config_invalid, "plan " + plan + " is not done");
    return std::string(hash);
}

Result<std::string> plan_request_json(const PlanOrder& order, WallTime now) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("jobId", order.job);
    if (!order.start.empty()) {
        const auto start = start_time_text(order.start, now);
        if (!start) return fail(start.error());
        json.member("startTime", *start);
    }
    json.key("rollout").begin_object().key("plan").begin_object();
    json.member("id", order.plan).member("hash", order.hash);
    if (!order.drift.empty()) json.member("drift", order.drift);
    json.end_object();
    if (!order.note.empty()) json.member("note", order.note);
    json.end_object().end_object();
    return body;
}

}  // namespace carillon
