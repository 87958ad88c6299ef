#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http/http_message.hpp"

#include <string>

namespace carillon {
struct JobDefinition;
}

namespace carillon::rest {

struct Request;

/// GET /carillon/jobs/{id}/verify: whether the job's log is as it was written. Page: docs/live-progress.md.
Task<Result<HttpResponse>> verify_job_log(Request& request);

/// POST /carillon/jobs/{id}/what-if. Page: docs/rollout-reference.md.
Task<Result<HttpResponse>> ask_what_if(Request& request);

// Approvals. Page: docs/rollout-reference.md.
Task<Result<HttpResponse>> approve_job(Request& request);
Task<Result<HttpResponse>> deny_job(Request& request);
Task<Result<HttpResponse>> list_approval_rules(Request& request);
Task<Result<HttpResponse>> get_approval_rule(Request& request);
Task<Result<HttpResponse>> put_approval_rule(Request& request);
Task<Result<HttpResponse>> delete_approval_rule(Request& request);

// Budgets. Page: docs/rollout-reference.md.
Task<Result<HttpResponse>> list_budgets(Request& request);
Task<Result<HttpResponse>> get_budget(Request& request);
Task<Result<HttpResponse>> put_budget(Request& request);
Task<Result<HttpResponse>> delete_budget(Request& request);

// Templates. Page: docs/rollout-reference.md.
Task<Result<HttpResponse>> list_templates(Request& request);
Task<Result<HttpResponse>> get_template(Request& request);
Task<Result<HttpResponse>> put_template(Request& request);
Task<Result<HttpResponse>> delete_template(Request& request);
Task<Result<HttpResponse>> run_template(Request& request);

// Plans. Page: docs/rollout-reference.md.
Task<Result<HttpResponse>> post_plan(Request& request);
Task<Result<HttpResponse>> get_plan(Request& request);
Task<Result<HttpResponse>> delete_plan(Request& request);
/// The whole JobRequest of a job that carries out a plan; empty if `body` names none. Fails with
/// `argument_invalid`.
Task<Result<std::string>> expand_plan(Request& request, JsonValue body);

/// Whoever is to hear of a job (`notify`) is there; later nobody looks. Fails with `argument_invalid`.
Result<> check_notify(const Request& request, const JobDefinition& definition);

}  // namespace carillon::rest
