// Budgets: how many devices all jobs of a hub may have at risk together. Page: docs/rollout-reference.md.

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
    json.begin_object().member("name", budget.name).member("devices", budget.devices);
    if (!budget.per.empty()) json.member("per", budget.per);
    if (!budget.max) {
        json.member("max", 0);
    } else if (budget.max->share) {
        json.member("max", budget.max->text());
    } else {
        json.member("max", budget.max->count);
    }
    json.member("jobs", !budget.holds_twins ? "methods" : !budget.holds_methods ? "twins" : "all");
    json.member("soak", budget.soak.text()).member("atRisk", budget.at_risk);
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
    auto putting = request.hub.jobs().put_budget(*std::move(budget));
    const auto put = co_await std::move(putting);
    if (!put) co_return fail(put.error());
    auto getting = get_budget(request);
    co_return co_await std::move(getting);
}

Task<Result<HttpResponse>> delete_budget(Request& request) {
    auto removing = request.hub.jobs().remove_budget(std::string(request.ids[0]));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    if (!*removed) co_return fail(no_budget(request.ids[0]));
    co_return no_content();
}

}  // namespace carillon::rest
