// Approval of jobs, and the rules that demand it. Page: docs/rollout-reference.md.

#include "base/json.hpp"
#include "base/member_reader.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/approvals/approval_rule.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rollouts/rollout_handlers.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon::rest {

namespace {

/// Ours: what somebody may say about why.
constexpr std::size_t decision_why_bytes_max = 256;

Error no_approval_rule(std::string_view name) {
    return {Errc::generic_not_found, fmt::format("There is no approval rule '{}'.", name)};
}

std::string approval_rule_json(const ApprovalRule& rule) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("name", rule.name);
    const auto document = JsonDocument::parse(rule.text);
    for (JsonValue v = document ? document->root().first() : JsonValue(); v.exists(); v = v.next())
        json.member_raw(v.key(), v.raw());
    json.end_object();
    return body;
}

Task<Result<HttpResponse>> decide(Request& request, bool is_approval) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    if (!body->root().is_object()) co_return fail(Errc::argument_invalid, "The body must be an object.");
    MemberReader in(body->root());
    std::string hash(in.text("hash").value_or(""));
    std::string why(in.text("why").value_or(""));
    if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    if (hash.empty()) co_return fail(Errc::argument_invalid, "hash: is missing; it says what is approved");
    if (why.size() > decision_why_bytes_max)
        co_return fail(Errc::argument_invalid, "why: takes more than 256 bytes");
    auto deciding = request.hub.jobs().decide(std::string(request.ids[0]), is_approval, std::move(hash),
                                              actor_of(request), std::move(why));
    const auto decided = co_await std::move(deciding);
    if (!decided) co_return fail(decided.error());
    auto showing = get_job_progress(request);
    co_return co_await std::move(showing);
}

}  // namespace

Task<Result<HttpResponse>> approve_job(Request& request) {
    return decide(request, true);
}

Task<Result<HttpResponse>> deny_job(Request& request) {
    return decide(request, false);
}

Task<Result<HttpResponse>> list_approval_rules(Request& request) {
    auto asking = request.hub.jobs().approval_rules();
    const auto rules = co_await std::move(asking);
    std::string body;
    JsonWriter json(body);
    json.begin_array();
    for (const auto& rule : rules) json.raw(approval_rule_json(rule));
    json.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_approval_rule(Request& request) {
    auto asking = request.hub.jobs().approval_rules();
    const auto rules = co_await std::move(asking);
    const auto found = std::find_if(rules.begin(), rules.end(),
                                    [&](const ApprovalRule& rule) { return rule.name == request.ids[0]; });
    if (found == rules.end()) co_return fail(no_approval_rule(request.ids[0]));
    co_return ok(approval_rule_json(*found));
}

Task<Result<HttpResponse>> put_approval_rule(Request& request) {
    const auto is_of_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    };
    const std::string_view name = request.ids[0];
    if (name.empty() || name.size() > ApprovalRule::name_chars_max ||
        !std::all_of(name.begin(), name.end(), is_of_name)) {
        co_return fail(Errc::argument_invalid,
                       fmt::format("A rule's name has up to {} letters, digits, '-' and '_'.",
                                   ApprovalRule::name_chars_max));
    }
    auto rule = ApprovalRule::parse(name, request.http->body);
    if (!rule) co_return fail(std::move(rule).error());
    auto answer = approval_rule_json(*rule);
    auto putting = request.hub.jobs().put_approval_rule(*std::move(rule));
    const auto put = co_await std::move(putting);
    if (!put) co_return fail(put.error());
    co_return ok(std::move(answer));
}

Task<Result<HttpResponse>> delete_approval_rule(Request& request) {
    auto removing = request.hub.jobs().remove_approval_rule(std::string(request.ids[0]));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    if (!*removed) co_return fail(no_approval_rule(request.ids[0]));
    co_return no_content();
}

}  // namespace carillon::rest
