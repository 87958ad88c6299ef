#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http/http_message.hpp"

namespace carillon::rest {

struct Request;

// One function for each operation of the table in routes.cpp, beside its siblings in the file named.

// devices.cpp
Task<Result<HttpResponse>> list_devices(Request& request);
Task<Result<HttpResponse>> get_device(Request& request);
Task<Result<HttpResponse>> put_device(Request& request);
Task<Result<HttpResponse>> delete_device(Request& request);

// modules.cpp
Task<Result<HttpResponse>> list_modules(Request& request);
Task<Result<HttpResponse>> get_module(Request& request);
Task<Result<HttpResponse>> put_module(Request& request);
Task<Result<HttpResponse>> delete_module(Request& request);

// cloud_messages.cpp
Task<Result<HttpResponse>> send_device_message(Request& request);
Task<Result<HttpResponse>> send_module_message(Request& request);
Task<Result<HttpResponse>> purge_commands(Request& request);
Task<Result<HttpResponse>> receive_feedback(Request& request);
Task<Result<HttpResponse>> complete_feedback(Request& request);
Task<Result<HttpResponse>> abandon_feedback(Request& request);

// device_messages.cpp
Task<Result<HttpResponse>> send_events(Request& request);
Task<Result<HttpResponse>> receive_device_message(Request& request);
Task<Result<HttpResponse>> settle_device_message(Request& request);
Task<Result<HttpResponse>> abandon_device_message(Request& request);

// bulk.cpp
Task<Result<HttpResponse>> bulk_devices(Request& request);

// keys.cpp
Task<Result<HttpResponse>> regenerate_keys(Request& request);

// statistics.cpp
Task<Result<HttpResponse>> device_statistics(Request& request);
Task<Result<HttpResponse>> service_statistics(Request& request);

// twins.cpp
Task<Result<HttpResponse>> get_device_twin(Request& request);
Task<Result<HttpResponse>> patch_device_twin(Request& request);
Task<Result<HttpResponse>> put_device_twin(Request& request);
Task<Result<HttpResponse>> get_module_twin(Request& request);
Task<Result<HttpResponse>> patch_module_twin(Request& request);
Task<Result<HttpResponse>> put_module_twin(Request& request);

// query.cpp
Task<Result<HttpResponse>> query_devices(Request& request);

// methods.cpp
Task<Result<HttpResponse>> invoke_device_method(Request& request);
Task<Result<HttpResponse>> invoke_module_method(Request& request);

// jobs.cpp
Task<Result<HttpResponse>> put_job(Request& request);
Task<Result<HttpResponse>> get_job(Request& request);
Task<Result<HttpResponse>> cancel_job(Request& request);
Task<Result<HttpResponse>> list_jobs(Request& request);

// about.cpp
Task<Result<HttpResponse>> get_about(Request& request);

// job_progress.cpp: of our own making
Task<Result<HttpResponse>> get_job_progress(Request& request);
Task<Result<HttpResponse>> follow_job(Request& request);
// job_history.cpp
Task<Result<HttpResponse>> get_job_history(Request& request);
Task<Result<HttpResponse>> pause_job(Request& request);
Task<Result<HttpResponse>> resume_job(Request& request);
Task<Result<HttpResponse>> promote_job(Request& request);
Task<Result<HttpResponse>> close_job(Request& request);
Task<Result<HttpResponse>> change_job(Request& request);

// rollouts/job_list.cpp
Task<Result<HttpResponse>> list_job_progress(Request& request);
// rollouts/job_devices.cpp
Task<Result<HttpResponse>> list_job_devices(Request& request);
// rollouts/job_failures.cpp
Task<Result<HttpResponse>> list_job_failures(Request& request);

// transfer_jobs.cpp
Task<Result<HttpResponse>> create_transfer_job(Request& request);
Task<Result<HttpResponse>> list_transfer_jobs(Request& request);
Task<Result<HttpResponse>> find_transfer_job(Request& request);
Task<Result<HttpResponse>> cancel_transfer_job(Request& request);
Task<Result<HttpResponse>> export_registry(Request& request);

// configurations.cpp
Task<Result<HttpResponse>> list_configurations(Request& request);
Task<Result<HttpResponse>> get_configuration(Request& request);
Task<Result<HttpResponse>> put_configuration(Request& request);
Task<Result<HttpResponse>> delete_configuration(Request& request);
Task<Result<HttpResponse>> test_configuration_queries(Request& request);
Task<Result<HttpResponse>> apply_configuration_content(Request& request);

// session.cpp: of our own making, the dashboard's door
Task<Result<HttpResponse>> sign_in(Request& request);
Task<Result<HttpResponse>> get_session(Request& request);
Task<Result<HttpResponse>> sign_out(Request& request);
Task<Result<HttpResponse>> make_sign_in_link(Request& request);

// overview.cpp: of our own making
Task<Result<HttpResponse>> get_overview(Request& request);
Task<Result<HttpResponse>> follow_overview(Request& request);

// events.cpp: of our own making
Task<Result<HttpResponse>> follow_events(Request& request);
Task<Result<HttpResponse>> list_partitions(Request& request);
Task<Result<HttpResponse>> list_consumer_groups(Request& request);
Task<Result<HttpResponse>> get_consumer_group(Request& request);
Task<Result<HttpResponse>> put_consumer_group(Request& request);
Task<Result<HttpResponse>> delete_consumer_group(Request& request);

// policies.cpp: of our own making
Task<Result<HttpResponse>> list_policies(Request& request);
Task<Result<HttpResponse>> get_policy(Request& request);
Task<Result<HttpResponse>> put_policy(Request& request);
Task<Result<HttpResponse>> delete_policy(Request& request);
Task<Result<HttpResponse>> renew_policy_key(Request& request);
Task<Result<HttpResponse>> renew_token_key(Request& request);

// backup.cpp: of our own making
Task<Result<HttpResponse>> make_backup(Request& request);
Task<Result<HttpResponse>> make_incremental_backup(Request& request);
Task<Result<HttpResponse>> make_incremental_backup(Request& request);

// enrollments.cpp
Task<Result<HttpResponse>> put_enrollment(Request& request);
Task<Result<HttpResponse>> get_enrollment(Request& request);
Task<Result<HttpResponse>> delete_enrollment(Request& request);
Task<Result<HttpResponse>> get_enrollment_attestation(Request& request);
Task<Result<HttpResponse>> query_enrollments(Request& request);
Task<Result<HttpResponse>> bulk_enrollments(Request& request);
Task<Result<HttpResponse>> put_enrollment_group(Request& request);
Task<Result<HttpResponse>> get_enrollment_group(Request& request);
Task<Result<HttpResponse>> delete_enrollment_group(Request& request);
Task<Result<HttpResponse>> get_enrollment_group_attestation(Request& request);
Task<Result<HttpResponse>> query_enrollment_groups(Request& request);
Task<Result<HttpResponse>> bulk_enrollment_groups(Request& request);
Task<Result<HttpResponse>> get_registration(Request& request);
Task<Result<HttpResponse>> delete_registration(Request& request);
Task<Result<HttpResponse>> query_registrations(Request& request);

// registrations.cpp: what devices ask for that are not registered yet
Task<Result<HttpResponse>> register_device(Request& request);
Task<Result<HttpResponse>> get_registration_operation(Request& request);
Task<Result<HttpResponse>> look_up_registration(Request& request);

// audit.cpp: of our own making
Task<Result<HttpResponse>> list_audit(Request& request);

// openapi.cpp
Task<Result<HttpResponse>> get_openapi(Request& request);

// absent.cpp: what this hub does not do, said clearly
Task<Result<HttpResponse>> not_offered(Request& request);

}  // namespace carillon::rest
