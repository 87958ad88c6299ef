// Templates of jobs, and jobs made of them. Page: docs/rollout-reference.md.

#include "base/member_reader.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rollouts/rollout_handlers.hpp"

#include <fmt/core.h>

namespace carillon::rest {

namespace {

Error no_job_template(std::string_view name) {
    return {Errc::generic_not_found, fmt::format("There is no template '{}'.", name)};
}

}  // namespace

Task<Result<HttpResponse>> list_templates(Request& request) {
    auto asking = request.hub.jobs().templates();
    const auto templates = co_await std::move(asking);
    std::string body;
    JsonWriter json(body);
    json.begin_array();
    for (const auto& each : templates) json.raw(each);
    json.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_template(Request& request) {
    auto asking = request.hub.jobs().find_template(std::string(request.ids[0]));
    auto found = co_await std::move(asking);
    if (!found) co_return fail(no_job_template(request.ids[0]));
    co_return ok(*std::move(found));
}

Task<Result<HttpResponse>> put_template(Request& request) {
    auto putting =
        request.hub.jobs().put_template(std::string(request.ids[0]), request.http->body, actor_of(request));
    auto put = co_await std::move(putting);
    if (!put) co_return fail(std::move(put).error());
    co_return ok(*std::move(put));
}

Task<Result<HttpResponse>> delete_template(Request& request) {
    auto removing = request.hub.jobs().remove_template(std::string(request.ids[0]));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    if (!*removed) co_return fail(no_job_template(request.ids[0]));
    co_return no_content();
}

Task<Result<HttpResponse>> run_template(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    if (!body->root().is_object()) co_return fail(Errc::argument_invalid, "The body must be an object.");
    MemberReader in(body->root());
    std::string id(in.text("jobId").value_or(""));
    std::string parameters(in.find("parameters").raw());
    if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    if (id.empty()) co_return fail(Errc::argument_invalid, "jobId: is missing");
    if (parameters.empty()) parameters = "{}";
    auto running = request.hub.jobs().run_template(std::string(request.ids[0]), std::move(id),
                                                   std::move(parameters), actor_of(request));
    const auto jobs = co_await std::move(running);
    if (!jobs) co_return fail(jobs.error());
    std::string answer;
    JsonWriter json(answer);
    json.begin_object().key("jobs").begin_array();
    for (const auto& job : *jobs) {
        std::string accepted;
        append_job_accepted_json(accepted, job);
        json.raw(accepted);
    }
    json.end_array().end_object();
    co_return ok(std::move(answer));
}

}  // namespace carillon::rest
