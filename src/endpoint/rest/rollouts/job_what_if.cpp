// What would have become of a job under another policy. Page: docs/rollout-reference.md.

#include "base/json.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/jobs.hpp"
#include "core/jobs/whatif/what_if.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rollouts/rollout_handlers.hpp"

#include <fmt/core.h>

namespace carillon::rest {

Task<Result<HttpResponse>> ask_what_if(Request& request) {
    const std::string_view text = request.http->body;
    const auto body = JsonDocument::parse(text.empty() ? "{}" : text);
    if (!body) co_return fail(body.error());
    if (!body->root().is_object()) co_return fail(Errc::argument_invalid, "The body must be an object.");
    for (auto member = body->root().first(); member.exists(); member = member.next()) {
        if (member.key() != "rollout")
            co_return fail(Errc::argument_invalid,
                           fmt::format("{}: only rollout can be asked about", member.key()));
    }
    const auto rollout = body->root().find("rollout");
    std::string changes(rollout.is_null_or_absent() ? "{}" : rollout.raw());
    // One of those who read the logs of jobs, which are bounded.
    const std::string id(request.ids[0]);
    const auto reports = request.hub.jobs().report(id, {});
    if (!reports) co_return fail(reports.error());
    auto asking = what_if(**reports, std::move(changes), actor_of(request).policy);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return fail(answer.error());
    co_return ok(what_if_json(id, (*reports)->entry()->number(), *answer));
}

}  // namespace carillon::rest
