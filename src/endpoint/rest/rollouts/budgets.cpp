// Budgets, which hold all jobs of a hub. Page: docs/rollout-reference.md.

#include "core/jobs/budgets/job_budgets.hpp"

#include "base/json.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rollouts/rollout_handlers.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon::rest {

namespace {

Error no_budget(std::string_view name) {
    return {Errc::generic_not_found, fmt::format("There is no budget '{}'.", name)};
}

std::string budget_json(const JobBudget& budget) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("name", budget.name).member("max", 0);
    json.member("jobs", !budget.holds_twins ? "methods" : !budget.holds_methods ? "twins" : "all");
    json.end_object();
    return body;
}

}  // namespace

Task<Result<HttpResponse>> list_budgets(Request& request) {
    auto asking = request.hub.jobs().budgets();
    const auto budgets = co_await std::move(asking);
    std::string body;
    JsonWriter json(body);
    json.begin_array();
    for (const auto& budget : budgets) json.raw(budget_json(budget));
    json.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_budget(Request& request) {
    auto asking = request.hub.jobs().budgets();
    const auto budgets = co_await std::move(asking);
    const auto found = std::find_if(budgets.begin(), budgets.end(),
                                    [&](const JobBudget& budget) { return budget.name == request.ids[0]; });
    if (found == budgets.end()) co_return fail(no_budget(request.ids[0]));
    co_return ok(budget_json(*found));
}

Task<Result<HttpResponse>> put_budget(Request& request) {
    auto budget = JobBudget::parse(request.ids[0], request.http->body);
    if (!budget) co_return fail(std::move(budget).error());
    auto answer = budget_json(*budget);
    auto putting = request.hub.jobs().put_budget(*std::move(budget));
    const auto put = co_await std::move(putting);
    if (!put) co_return fail(put.error());
    co_return ok(std::move(answer));
}

Task<Result<HttpResponse>> delete_budget(Request& request) {
    auto removing = request.hub.jobs().remove_budget(std::string(request.ids[0]));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    if (!*removed) co_return fail(no_budget(request.ids[0]));
    co_return no_content();
}

}  // namespace carillon::rest
