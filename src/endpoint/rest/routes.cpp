#include "endpoint/rest/routes.hpp"

#include "base/text.hpp"
#include "core/hub/provisioning_rights.hpp"
#include "endpoint/rest/files/handlers.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/operate/handlers.hpp"
#include "endpoint/rest/operate/log.hpp"
#include "endpoint/rest/provisioning/handlers.hpp"
#include "endpoint/rest/rollouts/rollout_handlers.hpp"
#include "endpoint/rest/routing/handlers.hpp"

namespace carillon::rest {

namespace {

// Who may call. Source: IoT Hub docs, "Control access to IoT Hub by using shared access signatures";
// jobs and queries take either right, as the documents disagree with each other.
constexpr Need registry_read{AccessRights::registry_read};
constexpr Need registry_write{AccessRights::registry_write};
constexpr Need service{AccessRights::service_connect};
// Of provisioning. Source: DPS docs, "Control access to the Device Provisioning Service"; who is told keys
// may write, as azure-iot-cli-extension asks for them to write them back.
constexpr Need enrollment_read{ProvisioningRights::enrollment_read};
constexpr Need enrollment_write{ProvisioningRights::enrollment_write};
constexpr Need status_read{ProvisioningRights::registration_status_read};
constexpr Need status_write{ProvisioningRights::registration_status_write};
/// Ours: whoever may make the keys of all policies new has all their rights anyway, and whoever may send what
/// devices say to a place outside needs them.
constexpr Need owner{every_right};
/// Ours: lets a job begin that somebody else made.
constexpr Need approver{AccessRights::job_approve};
constexpr Need read_or_service{AccessRights::registry_read, AccessRights::service_connect};
constexpr Need write_or_service{AccessRights::registry_write, AccessRights::service_connect};
/// A device manages its own modules by its own key. Source: azure-iot-sdk-c: iothub_account.c,
/// azure-iot-sdk-csharp#399.
constexpr Need read_or_own{.either = AccessRights::registry_read, .own_device = true};
constexpr Need write_or_own{.either = AccessRights::registry_write, .own_device = true};
/// What a device does over HTTPS, by whatever would let it connect.
constexpr Need device{.either = AccessRights::device_connect, .own_device = true, .as_device = true};
/// What needs no token: signing in, and the description of it all.
constexpr Need anyone{};
/// A device that registers, by a key or certificate of its enrollment.
constexpr Need registrant{.as_registrant = true};

/// What a stranger may send. With a header and an answer it stays below 64 KB.
constexpr std::size_t tiny = 32 * 1024;
constexpr std::size_t small = HttpLimits::body_bytes_default_max;
constexpr std::size_t jobs = HttpLimits::body_bytes_jobs_max;
constexpr std::size_t events = HttpLimits::body_bytes_events_max;
constexpr std::size_t bulk = HttpLimits::body_bytes_bulk_max;

using C = ThrottleClass;

// Reserved words stand before the ids they look like.
constexpr Route table[] = {
    {"GET", "/devices", registry_read, C::registry, small, list_devices},
    {"POST", "/devices", registry_write, C::registry, bulk, bulk_devices},
    {"POST", "/devices/query", read_or_service, C::queries, small, query_devices},
    {"POST", "/devices/keys/regenerate", registry_write, C::registry, small, regenerate_keys},
    {"GET", "/devices/{}", registry_read, C::registry, small, get_device},
    {"PUT", "/devices/{}", registry_write, C::registry, small, put_device},
    {"DELETE", "/devices/{}", registry_write, C::registry, small, delete_device},
    {"GET", "/devices/{}/modules", read_or_own, C::registry, small, list_modules},
    {"GET", "/devices/{}/modules/{}", read_or_own, C::registry, small, get_module},
    {"PUT", "/devices/{}/modules/{}", write_or_own, C::registry, small, put_module},
    {"DELETE", "/devices/{}/modules/{}", write_or_own, C::registry, small, delete_module},

    {"GET", "/statistics/devices", read_or_service, C::registry, small, device_statistics},
    {"GET", "/statistics/service", read_or_service, C::registry, small, service_statistics},

    {"GET", "/twins/{}", service, C::twin_reads, small, get_device_twin},
    {"PATCH", "/twins/{}", service, C::twin_updates, small, patch_device_twin},
    {"PUT", "/twins/{}", service, C::twin_updates, small, put_device_twin},
    {"GET", "/twins/{}/modules/{}", service, C::twin_reads, small, get_module_twin},
    {"PATCH", "/twins/{}/modules/{}", service, C::twin_updates, small, patch_module_twin},
    {"PUT", "/twins/{}/modules/{}", service, C::twin_updates, small, put_module_twin},
    {"POST", "/twins/{}/methods", service, C::methods, small, invoke_device_method},
    {"POST", "/twins/{}/modules/{}/methods", service, C::methods, small, invoke_module_method},

    {"GET", "/jobs/v2/query", read_or_service, C::job_operations, small, list_jobs},
    {"PUT", "/jobs/v2/{}", write_or_service, C::job_operations, jobs, put_job},
    {"GET", "/jobs/v2/{}", read_or_service, C::job_operations, small, get_job},
    {"POST", "/jobs/v2/{}/cancel", write_or_service, C::job_operations, small, cancel_job},

    {"GET", "/carillon/jobs", read_or_service, C::none, small, list_job_progress},
    {"GET", "/carillon/jobs/{}", read_or_service, C::none, small, get_job_progress},
    {"GET", "/carillon/jobs/{}/devices", read_or_service, C::none, small, list_job_devices},
    {"GET", "/carillon/jobs/{}/failures", read_or_service, C::none, small, list_job_failures},
    {"GET", "/carillon/jobs/{}/history", read_or_service, C::none, small, get_job_history},
    {"GET", "/carillon/jobs/{}/verify", read_or_service, C::none, small, verify_job_log},
    {"POST", "/carillon/jobs/{}/what-if", read_or_service, C::none, small, ask_what_if},
    {"PATCH", "/carillon/jobs/{}", write_or_service, C::job_operations, small, change_job},
    {"GET", "/carillon/jobs/{}/events", read_or_service, C::none, small, follow_job},
    {"POST", "/carillon/jobs/{}/pause", write_or_service, C::job_operations, small, pause_job},
    {"POST", "/carillon/jobs/{}/resume", write_or_service, C::job_operations, small, resume_job},
    {"POST", "/carillon/jobs/{}/promote", write_or_service, C::job_operations, small, promote_job},
    {"POST", "/carillon/jobs/{}/close", write_or_service, C::job_operations, small, close_job},

    {"POST", "/carillon/jobs/{}/approve", approver, C::job_operations, small, approve_job},
    {"POST", "/carillon/jobs/{}/deny", approver, C::job_operations, small, deny_job},
    {"GET", "/carillon/approval-rules", read_or_service, C::none, small, list_approval_rules},
    {"GET", "/carillon/approval-rules/{}", read_or_service, C::none, small, get_approval_rule},
    {"PUT", "/carillon/approval-rules/{}", owner, C::none, small, put_approval_rule},
    {"DELETE", "/carillon/approval-rules/{}", owner, C::none, small, delete_approval_rule},
    {"GET", "/carillon/budgets", read_or_service, C::none, small, list_budgets},
    {"GET", "/carillon/budgets/{}", read_or_service, C::none, small, get_budget},
    {"PUT", "/carillon/budgets/{}", owner, C::none, small, put_budget},
    {"DELETE", "/carillon/budgets/{}", owner, C::none, small, delete_budget},
    {"GET", "/carillon/templates", read_or_service, C::none, small, list_templates},
    {"GET", "/carillon/templates/{}", read_or_service, C::none, small, get_template},
    {"PUT", "/carillon/templates/{}", write_or_service, C::job_operations, small, put_template},
    {"DELETE", "/carillon/templates/{}", write_or_service, C::none, small, delete_template},
    {"POST", "/carillon/templates/{}/jobs", write_or_service, C::job_operations, small, run_template},
    {"POST", "/carillon/plans", write_or_service, C::job_operations, jobs, post_plan},
    {"GET", "/carillon/plans/{}", read_or_service, C::none, small, get_plan},
    {"DELETE", "/carillon/plans/{}", write_or_service, C::none, small, delete_plan},

    {"POST", "/jobs/create", registry_write, C::job_operations, small, create_transfer_job},
    {"GET", "/jobs", registry_read, C::job_operations, small, list_transfer_jobs},
    {"GET", "/jobs/{}", registry_read, C::job_operations, small, find_transfer_job},
    {"DELETE", "/jobs/{}", registry_write, C::job_operations, small, cancel_transfer_job},
    {"GET", "/carillon/overview", read_or_service, C::none, small, get_overview},
    {"GET", "/carillon/overview/events", read_or_service, C::none, small, follow_overview},
    {"GET", "/carillon/registry", registry_read, C::none, small, export_registry},

    {"GET", "/carillon/events", service, C::none, small, follow_events},
    {"GET", "/carillon/events/partitions", service, C::none, small, list_partitions},
    {"GET", "/carillon/consumer-groups", service, C::none, small, list_consumer_groups},
    {"GET", "/carillon/consumer-groups/{}", service, C::none, small, get_consumer_group},
    {"PUT", "/carillon/consumer-groups/{}", service, C::none, small, put_consumer_group},
    {"DELETE", "/carillon/consumer-groups/{}", service, C::none, small, delete_consumer_group},

    {"GET", "/carillon/routes", service, C::none, small, list_message_routes},
    {"POST", "/carillon/routes/test", service, C::none, small, test_message_routes},
    {"GET", "/carillon/routes/{}", service, C::none, small, get_message_route},
    {"PUT", "/carillon/routes/{}", owner, C::none, small, put_message_route},
    {"DELETE", "/carillon/routes/{}", owner, C::none, small, delete_message_route},
    {"GET", "/carillon/endpoints", service, C::none, small, list_route_endpoints},
    {"GET", "/carillon/endpoints/{}", service, C::none, small, get_route_endpoint},
    {"PUT", "/carillon/endpoints/{}", owner, C::none, small, put_route_endpoint},
    {"DELETE", "/carillon/endpoints/{}", owner, C::none, small, delete_route_endpoint},

    {"POST", "/carillon/session", anyone, C::none, tiny, sign_in},
    {"GET", "/carillon/session", anyone, C::none, tiny, get_session},
    {"DELETE", "/carillon/session", anyone, C::none, tiny, sign_out},
    {"POST", "/carillon/session/links", read_or_service, C::none, small, make_sign_in_link},

    {"GET", "/carillon/policies", owner, C::none, small, list_policies},
    {"GET", "/carillon/policies/{}", owner, C::none, small, get_policy},
    {"PUT", "/carillon/policies/{}", owner, C::none, small, put_policy},
    {"DELETE", "/carillon/policies/{}", owner, C::none, small, delete_policy},
    {"POST", "/carillon/policies/{}/renewKey", owner, C::none, small, renew_policy_key},
    {"POST", "/carillon/tokenKey/renew", owner, C::none, small, renew_token_key},

    {"GET", "/carillon/backup", owner, C::none, small, make_backup},
    {"POST", "/carillon/backup", owner, C::none, bulk, make_incremental_backup},

    {"GET", "/certificates", owner, C::none, small, list_certificates},
    {"GET", "/certificates/{}", owner, C::none, small, get_certificate},
    {"PUT", "/certificates/{}", owner, C::none, small, put_certificate},
    {"DELETE", "/certificates/{}", owner, C::none, small, delete_certificate},
    {"POST", "/certificates/{}/generateVerificationCode", owner, C::none, small, generate_verification_code},
    {"POST", "/certificates/{}/verify", owner, C::none, small, verify_certificate},

    {"GET", "/carillon/about", read_or_service, C::none, tiny, get_about},
    {"GET", "/carillon/settings", read_or_service, C::none, tiny, get_settings},
    {"GET", "/carillon/health", read_or_service, C::none, tiny, get_health},
    {"GET", "/carillon/devices/{}/connections", read_or_service, C::none, tiny, list_device_connections},
    {"GET", "/carillon/devices/{}/files", service, C::none, tiny, list_device_files},
    {"GET", "/carillon/audit", owner, C::none, small, list_audit},
    {"GET", "/carillon/log", owner, C::none, small, get_log},
    {"PUT", "/carillon/log", owner, C::none, small, set_log},

    {"GET", "/carillon/devices/{}/revocation", registry_read, C::none, tiny, get_revocation},
    {"PUT", "/carillon/devices/{}/revocation", registry_write, C::none, tiny, put_revocation},
    {"DELETE", "/carillon/devices/{}/revocation", registry_write, C::none, tiny, delete_revocation},

    {"POST", "/carillon/traces", service, C::none, small, create_trace},
    {"GET", "/carillon/traces/{}", service, C::none, small, take_trace_events},
    {"DELETE", "/carillon/traces/{}", service, C::none, small, delete_trace},

    {"POST", "/carillon/mcp", read_or_service, C::none, small, post_model_message},

    {"GET", "/carillon/openapi.json", anyone, C::none, tiny, get_openapi},

    {"POST", "/configurations/testQueries", read_or_service, C::configurations, small,
     test_configuration_queries},
    {"GET", "/configurations", read_or_service, C::configurations, small, list_configurations},
    {"GET", "/configurations/{}", read_or_service, C::configurations, small, get_configuration},
    {"PUT", "/configurations/{}", registry_write, C::configurations, small, put_configuration},
    {"DELETE", "/configurations/{}", registry_write, C::configurations, small, delete_configuration},
    {"POST", "/devices/{}/applyConfigurationContent", registry_write, C::configurations, small,
     apply_configuration_content},

    {"PUT", "/enrollments/{}", enrollment_write, C::registry, small, put_enrollment},
    {"GET", "/enrollments/{}", enrollment_read, C::registry, small, get_enrollment},
    {"DELETE", "/enrollments/{}", enrollment_write, C::registry, small, delete_enrollment},
    {"POST", "/enrollments/query", enrollment_read, C::registry, small, query_enrollments},
    {"POST", "/enrollments/{}/attestationmechanism", enrollment_write, C::registry, small,
     get_enrollment_attestation},
    {"POST", "/enrollments", enrollment_write, C::registry, small, bulk_enrollments},
    {"PUT", "/enrollmentGroups/{}", enrollment_write, C::registry, small, put_enrollment_group},
    {"GET", "/enrollmentGroups/{}", enrollment_read, C::registry, small, get_enrollment_group},
    {"DELETE", "/enrollmentGroups/{}", enrollment_write, C::registry, small, delete_enrollment_group},
    {"POST", "/enrollmentGroups/query", enrollment_read, C::registry, small, query_enrollment_groups},
    {"POST", "/enrollmentGroups/{}/attestationmechanism", enrollment_write, C::registry, small,
     get_enrollment_group_attestation},
    {"POST", "/enrollmentGroups", enrollment_write, C::registry, small, bulk_enrollment_groups},
    {"GET", "/registrations/{}", status_read, C::registry, small, get_registration},
    {"DELETE", "/registrations/{}", status_write, C::registry, small, delete_registration},
    {"POST", "/registrations/{}/query", status_read, C::registry, small, query_registrations},
    {"GET", "/carillon/enrollmentAuthorities", enrollment_read, C::none, small, list_enrollment_authorities},
    {"GET", "/carillon/enrollmentAuthorities/{}", enrollment_read, C::none, small, get_enrollment_authority},
    {"PUT", "/carillon/enrollmentAuthorities/{}", enrollment_write, C::none, small, put_enrollment_authority},
    {"DELETE", "/carillon/enrollmentAuthorities/{}", enrollment_write, C::none, small,
     delete_enrollment_authority},
    {"PUT", "/{}/registrations/{}/register", registrant, C::none, tiny, register_device},
    {"GET", "/{}/registrations/{}/operations/{}", registrant, C::none, tiny, get_registration_operation},
    {"POST", "/{}/registrations/{}", registrant, C::none, tiny, look_up_registration},

    {"GET", "/digitaltwins/{}", service, C::none, small, not_offered},
    {"PATCH", "/digitaltwins/{}", service, C::none, small, not_offered},
    {"POST", "/digitaltwins/{}/commands/{}", service, C::none, small, not_offered},
    {"POST", "/digitaltwins/{}/components/*/commands/{}", service, C::none, small, not_offered},

    {"POST", "/devices/{}/messages/devicebound", service, C::cloud_message_sends, small, send_device_message},
    {"POST", "/devices/{}/modules/{}/messages/devicebound", service, C::cloud_message_sends, small,
     send_module_message},
    {"DELETE", "/devices/{}/commands", service, C::none, small, purge_commands},
    {"GET", "/messages/serviceBound/feedback", service, C::none, small, receive_feedback},
    {"DELETE", "/messages/serviceBound/feedback/{}", service, C::none, small, complete_feedback},
    {"POST", "/messages/serviceBound/feedback/{}/abandon", service, C::none, small, abandon_feedback},

    {"POST", "/devices/{}/messages/events", device, C::telemetry, events, send_events},
    {"GET", "/devices/{}/messages/devicebound", device, C::cloud_message_receives, tiny,
     receive_device_message},
    {"DELETE", "/devices/{}/messages/devicebound/{}", device, C::none, tiny, settle_device_message},
    {"POST", "/devices/{}/messages/devicebound/{}/abandon", device, C::none, tiny, abandon_device_message},
    {"POST", "/devices/{}/files", device, C::none, tiny, begin_upload},
    {"POST", "/devices/{}/files/notifications", device, C::none, tiny, end_upload},
    {"POST", "/devices/{}/files/notifications/{}", device, C::none, tiny, end_named_upload},
    {"GET", "/devices/{}/files/{}", device, C::none, tiny, begin_named_upload},
    {"GET", "/messages/serviceBound/filenotifications", service, C::none, small, receive_file_notification},
    {"DELETE", "/messages/serviceBound/filenotifications/{}", service, C::none, small,
     complete_file_notification},
    {"POST", "/messages/serviceBound/filenotifications/{}/abandon", service, C::none, small,
     abandon_file_notification},
};

/// True if `pattern` describes the path; notes where its ids stand. `*` fits any segment.
bool fits(std::string_view pattern, std::span<const std::string_view> segments, RouteMatch& match) {
    match.id_count = 0;
    std::size_t number = 0;
    while (!pattern.empty()) {
        pattern.remove_prefix(1);  // the slash
        const std::string_view word = pattern.substr(0, pattern.find('/'));
        pattern.remove_prefix(word.size());
        if (number == segments.size()) return false;
        if (word == "{}") {
            match.id_positions[match.id_count++] = number;
        } else if (word != "*" && !equals_ignoring_case(word, segments[number])) {
            return false;
        }
        ++number;
    }
    return number == segments.size();
}

}  // namespace

bool is_of_provisioning(const Route& route) {
    for (const std::string_view part :
         {"/enrollments", "/enrollmentGroups", "/registrations", "/{}/registrations"}) {
        if (route.pattern.starts_with(part)) return true;
    }
    return false;
}

std::span<const Route> routes() {
    return table;
}

bool changes_something(const Route& route) {
    return route.method != "GET" && route.handler != query_devices &&
           route.handler != test_configuration_queries && route.handler != query_enrollments &&
           route.handler != query_enrollment_groups && route.handler != query_registrations &&
           route.handler != test_message_routes && route.handler != make_incremental_backup;
}

bool is_audited(const Route& route) {
    const bool is_of_message = route.handler == send_device_message || route.handler == send_module_message ||
                               route.handler == complete_feedback || route.handler == abandon_feedback ||
                               route.handler == complete_file_notification ||
                               route.handler == abandon_file_notification;
    const bool is_of_device = route.need.as_device || route.need.as_registrant;
    return changes_something(route) && !route.need.is_open() && !is_of_message && !is_of_device;
}

bool only_reads(const Route& route) {
    if (route.need.as_device || route.need.as_registrant) return false;
    // Whoever receives holds locks, and what is received is gathered on disk before.
    if (route.handler == receive_feedback || route.handler == receive_file_notification) return false;
    // A backup of what is only read is a copy of its directory.
    if (route.handler == make_backup || route.handler == make_incremental_backup) return false;
    // What a model asks for is judged by itself.
    if (route.handler == post_model_message) return true;
    // Sessions of the dashboard are signed, not stored.
    return !changes_something(route) || route.handler == sign_in || route.handler == make_sign_in_link;
}

bool is_of_hub(const Route& route) {
    // Of patterns, up to a slash or the end.
    static constexpr std::string_view beginnings[] = {
        "/jobs",           "/carillon/jobs",      "/carillon/approval-rules",  "/carillon/budgets",
        "/carillon/plans", "/carillon/templates", "/configurations",           "/carillon/routes",
        "/certificates",   "/carillon/endpoints", "/carillon/consumer-groups", "/carillon/policies",
        "/carillon/audit", "/carillon/tokenKey",  "/messages/serviceBound",
    };
    for (const std::string_view beginning : beginnings) {
        if (!route.pattern.starts_with(beginning)) continue;
        const std::string_view rest = route.pattern.substr(beginning.size());
        if (rest.empty() || rest.front() == '/') return true;
    }
    return false;
}

bool is_direct_method(const Route& route) {
    return route.handler == invoke_device_method || route.handler == invoke_module_method;
}

bool tells_keys(const Route& route) {
    return route.handler == list_devices || route.handler == get_device || route.handler == list_modules ||
           route.handler == get_module || route.handler == export_registry || route.handler == get_policy ||
           route.handler == make_backup || route.handler == make_incremental_backup;
}

namespace {

auto no_such_resource() {
    return fail(Errc::generic_not_found, "There is no such resource.");
}

}  // namespace

Result<> Path::parse(std::string_view path) {
    size_ = 0;
    path.remove_prefix(1);
    // Of a path that begins with a slash and is escaped as a whole behind another (azure-iot-explorer:
    // digitalTwinService.ts).
    if (equals_ignoring_case(path.substr(0, 3), "%2f")) path.remove_prefix(3);
    if (path.find('%') != std::string_view::npos) {
        auto decoded = percent_decode(path);
        if (!decoded) return fail(Errc::argument_invalid, "The path holds a malformed escape.");
        decoded_ = *std::move(decoded);
        path = decoded_;
    }
    if (path.ends_with('/')) path.remove_suffix(1);
    while (true) {
        const std::size_t slash = path.find('/');
        const std::string_view segment = path.substr(0, slash);
        if (segment.empty() || size_ == segments_max) return no_such_resource();
        segments_[size_++] = segment;
        if (slash == std::string_view::npos) return {};
        path.remove_prefix(slash + 1);
    }
}

Result<RouteMatch> find_route(std::string_view method, const Path& path) {
    RouteMatch match;
    for (const Route& route : table) {
        if (route.method != method || !fits(route.pattern, path.segments(), match)) continue;
        match.route = &route;
        return match;
    }
    for (const Route& route : table) {
        if (fits(route.pattern, path.segments(), match)) {
            return fail(Errc::generic_method_not_allowed, "The method is not allowed here.");
        }
    }
    return no_such_resource();
}

}  // namespace carillon::rest
