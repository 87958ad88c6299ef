#include "carillon/template_plan.hpp"

#include "base/json.hpp"
#include "carillon/service_client.hpp"
#include "job_order_json.hpp"

namespace carillon {

TemplateStep TemplateStep::of_method(std::string name, const JobPlan& plan, const MethodInvocation& call) {
    auto anytime = plan;
    anytime.start.reset();
    return {std::move(name), method_job_json({}, anytime, call)};
}

Result<TemplateStep> TemplateStep::of_twins(std::string name, const JobPlan& plan,
                                            std::string_view patch_json) {
    auto anytime = plan;
    anytime.start.reset();
    auto request = twin_job_json({}, anytime, patch_json);
    if (!request) return fail(std::move(request).error());
    return TemplateStep{std::move(name), *std::move(request)};
}

std::string template_json(const TemplatePlan& plan) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    if (!plan.parameters.empty()) {
        json.key("parameters").begin_object();
        for (const auto& parameter : plan.parameters) {
            json.key(parameter.name).begin_object().member("type", parameter.type);
            if (parameter.default_json) json.member_raw("default", *parameter.default_json);
            json.end_object();
        }
        json.end_object();
    }
    if (plan.jobs.size() == 1 && plan.jobs[0].name.empty()) {
        json.member_raw("job", plan.jobs[0].request_json);
    } else {
        json.key("jobs").begin_array();
        for (const auto& job : plan.jobs) {
            json.begin_object().member("name", job.name).member_raw("job", job.request_json).end_object();
        }
        json.end_array();
    }
    if (!plan.cron.empty()) {
        json.key("repeat").begin_object().member("cron", plan.cron);
        if (!plan.zone.empty()) json.member("zone", plan.zone);
        if (!plan.overlap.empty()) json.member("overlap", plan.overlap);
        if (!plan.within.empty()) json.member("within", plan.within);
        json.end_object();
    }
    json.end_object();
    return text;
}

Result<std::string> put_template(ServiceClient& client, std::string_view name, const TemplatePlan& plan) {
    return client.put_template(name, template_json(plan));
}

}  // namespace carillon
