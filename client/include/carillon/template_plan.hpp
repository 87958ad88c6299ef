#pragma once

#include "base/result.hpp"
#include "carillon/service_job.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class ServiceClient;

/// A value that a template is given each time its jobs are made: `${name}` in its texts.
struct TemplateParameter {
    std::string name{};
    std::string type = "text";  ///< Or `number`, `boolean`, `json`.
    std::optional<std::string> default_json{};
};

/// One job of a template. Texts may hold `${name}`; `@name` in `from`, `start_after` and `undo_of` of its
/// rollout means another job of the template.
struct TemplateStep {
    std::string name{};  ///< Empty in a template of one job.
    std::string request_json{};

    /// A job that calls a method; `JobPlan::start` is left out.
    static TemplateStep of_method(std::string name, const JobPlan& plan, const MethodInvocation& call);
    /// A job that patches twins. Fails with `argument_invalid`.
    static Result<TemplateStep> of_twins(std::string name, const JobPlan& plan, std::string_view patch_json);
};

/// Templates of jobs, which are made by hand or on a schedule; only Carillon knows them. Members and their
/// defaults: docs/rollout-reference.md.
struct TemplatePlan {
    std::vector<TemplateStep> jobs{};
    std::vector<TemplateParameter> parameters{};
    std::string cron{};     ///< `30 2 * * mon-fri`: made by the clock.
    std::string zone{};     ///< `Europe/Berlin`
    std::string overlap{};  ///< `skip`, `queue` or `cancel`.
    std::string within{};   ///< `10m`
};

/// What `ServiceClient::put_template` takes. What the texts say is checked by the hub.
std::string template_json(const TemplatePlan& plan);
/// Makes or replaces a template; gives what the hub says of it. Fails with `argument_invalid`.
Result<std::string> put_template(ServiceClient& client, std::string_view name, const TemplatePlan& plan);

}  // namespace carillon
