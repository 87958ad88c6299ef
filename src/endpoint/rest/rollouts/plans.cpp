// What a job would do, looked up beforehand. Page: docs/rollout-reference.md.

#include "core/events/events.hpp"
#include "core/events/routing/message_routing.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/jobs.hpp"
#include "core/jobs/plans/job_plans.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rollouts/rollout_handlers.hpp"
#include "model/rollouts/notify.hpp"
#include "model/rollouts/plan_ref.hpp"

#include <fmt/core.h>

namespace carillon::rest {

namespace {

constexpr int plan_accepted = 202;

Error no_plan(std::string_view id) {
    return {Errc::job_not_found, fmt::format("There is no plan with id '{}'.", id)};
}

HttpResponse plan_under_way(std::string_view id) {
    std::string body;
    JsonWriter(body).begin_object().member("id", id).member("state", "running").end_object();
    auto response = ok(std::move(body));
    response.status = plan_accepted;
    return response;
}

}  // namespace

Result<> check_notify(const Request& request, const JobDefinition& definition) {
    if (!definition.rollout) return {};
    const auto notify = RolloutNotify::of(*definition.rollout);
    const auto table = request.hub.events().routing().table();
    for (std::size_t i = 0; i < notify.endpoints.size(); ++i) {
        if (table->find_target(notify.endpoints[i]) != nullptr) continue;
        return fail(Errc::argument_invalid,
                    fmt::format("rollout.notify[{}]: there is no endpoint '{}'", i, notify.endpoints[i]));
    }
    return {};
}

Task<Result<HttpResponse>> post_plan(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    const auto planned = find_plan_ref(body->root());
    if (!planned) co_return fail(planned.error());
    if (*planned) co_return fail(Errc::argument_invalid, "rollout.plan: a plan is not made of a plan");
    const auto name = body->root().is_object() ? body->root().find("jobId") : JsonValue();
    const std::string id(name.is_string() ? name.string() : "plan");
    auto definition = JobDefinition::parse(id, body->root(), request.flavour, request.now);
    if (!definition) co_return fail(std::move(definition).error());
    definition->creator = actor_of(request);
    if (auto known = check_notify(request, *definition); !known) co_return fail(std::move(known).error());
    auto planning = request.hub.jobs().plan(*std::move(definition), request.http->body);
    const auto plan = co_await std::move(planning);
    if (!plan) co_return fail(plan.error());
    auto response = plan_under_way(*plan);
    response.add("Location", "/carillon/plans/" + *plan);
    co_return response;
}

Task<Result<HttpResponse>> get_plan(Request& request) {
    auto finding = request.hub.jobs().find_plan(std::string(request.ids[0]));
    const auto plan = co_await std::move(finding);
    if (!plan) co_return fail(no_plan(request.ids[0]));
    if (!plan->is_done) co_return plan_under_way(plan->id);
    if (!plan->refused) co_return ok(plan->answer);
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("id", plan->id).member("state", "failed");
    json.member("failureReason", plan->refused->detail).end_object();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> delete_plan(Request& request) {
    auto removing = request.hub.jobs().remove_plan(std::string(request.ids[0]));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    if (!*removed) co_return fail(no_plan(request.ids[0]));
    co_return no_content();
}

Task<Result<std::string>> expand_plan(Request& request, JsonValue body) {
    const auto wanted = find_plan_ref(body);
    if (!wanted) co_return fail(wanted.error());
    if (!*wanted) co_return std::string();
    auto finding = request.hub.jobs().find_plan((*wanted)->id);
    const auto plan = co_await std::move(finding);
    if (!plan) {
        co_return fail(Errc::argument_invalid,
                       fmt::format("rollout.plan.id: there is no plan with id '{}'", (*wanted)->id));
    }
    const auto document = JsonDocument::parse(plan->document);
    if (!document) co_return fail(document.error());
    if (!document->root().find("rollout").is_object()) {
        co_return fail(
            Errc::argument_invalid,
            fmt::format("rollout.plan.id: plan '{}' is of a job without a rollout, whose rules would "
                        "change; make one of the same document with \"rollout\":{{}}",
                        plan->id));
    }
    co_return planned_request(document->root(), body, request.ids[0]);
}

}  // namespace carillon::rest
