#pragma once

#include "base/device_id.hpp"
#include "base/result.hpp"
#include "carillon/retry_policy.hpp"
#include "carillon/service_job.hpp"
#include "carillon/service_message.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// A request as it leaves, but for the token that authorises it. The views last for the call only.
struct ServiceRequest {
    std::string_view method{};
    std::string_view target{};  ///< Path and query, as sent.
    std::string_view body{};
};

/// What came of it.
struct ServiceAnswer {
    int status = 0;  ///< 0 where no answer came.
    std::string_view body{};
    std::chrono::milliseconds time{};
};

using ServiceHeaders = std::vector<std::pair<std::string, std::string>>;

/// An answer as a carrier brings it.
struct ServiceReply {
    int status = 0;
    ServiceHeaders headers{};
    std::string body{};
};

/// How to reach a hub as a back end.
struct ServiceOptions {
    /// `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`
    std::string connection_string{};
    /// PEM file of the authorities to trust; empty means the system's.
    std::string ca_file{};
    /// Where to connect instead of the connection string's host name, which stays the name that the
    /// server's certificate and the token are for.
    std::string address{};
    std::uint16_t port = 443;
    std::chrono::milliseconds connect_timeout{10'000};
    /// For one answer. A direct method is given its own timeouts on top.
    std::chrono::milliseconds request_timeout{60'000};
    /// When a call that failed is made again by itself. Only where that is safe: after `unreachable` and
    /// throttling, as nothing happened; reads besides after a lost connection and the hub's own failures.
    RetryPolicy retry{.is_first_at_once = false, .attempts_max = 4};
    /// Carries requests in place of a connection, if set, for a program that has a hub within: the connection
    /// string then needs no key, and requests no token. Streamed answers are not supported.
    std::function<Result<ServiceReply>(const ServiceRequest&, const ServiceHeaders&)> carrier{};
    /// Called before each attempt of a request, if set. A failure keeps it from being sent and is what the
    /// call fails with. Job events (`follow_job`) are seen here and not below.
    std::function<Result<>(const ServiceRequest&)> before_request{};
    /// Called after each attempt, if set.
    std::function<void(const ServiceRequest&, const ServiceAnswer&)> after_answer{};
};

/// One page of a listing.
struct ServicePage {
    std::vector<std::string> items{};  ///< JSON text, one value each.
    std::string continuation{};        ///< Give it back for the next page; empty on the last.
};

/// One server-sent event.
struct ServiceEvent {
    std::string name{};  ///< `message` where the stream names none.
    std::string id{};    ///< The last id that the stream gave, perhaps with an earlier event.
    std::string data{};
};

/// Which messages of devices to read; members that are not set leave it to the hub.
struct EventsQuery {
    std::string device{};          ///< Of device ids: `*` stands for any text, `?` for any character.
    std::string module{};          ///< The same of module ids.
    std::string endpoint{};        ///< Whose log; the hub's own if empty.
    std::string consumer_group{};  ///< `$Default` if empty.
    std::optional<std::uint32_t> partition{};
    std::string from{};                    ///< `latest`, `earliest`, or an ISO 8601 time.
    std::optional<std::int64_t> offset{};  ///< In place of `from`, with `partition`: what is behind it.
    std::string after{};                   ///< In place of both: the id of the last event seen.
    std::uint64_t limit{};                 ///< Of messages; 0 for none.
    bool follows = true;                   ///< Or ends at what is the end when it begins.
};

/// The service side of a hub over HTTPS: identities, twins, direct methods, jobs and queries. Works
/// with Carillon and with Azure IoT Hub. Documents go in and come out as JSON text.
///
/// Keeps one connection alive between calls and a shared access signature for its lifetime. Each
/// call blocks until it is answered or timed out. Movable; used by one thread at a time.
///
/// Every call fails with the error that the hub named, its text in `detail`; or with
/// `unreachable` (no connection), `tls_failed` (the certificate is not trusted or not for this
/// host), `connection_closed` (after the request was sent; whether it took effect is unknown) or
/// `gateway_timeout` (no answer in time, here or there).
///
/// An `etag` is given bare; `*` stands for whatever is there.
class ServiceClient {
public:
    static constexpr std::string_view api_version = "2021-04-12";
    static constexpr std::chrono::seconds token_lifetime{3600};
    static constexpr std::size_t answer_bytes_max = 64 * 1024 * 1024;

    /// Reads the options and connects to nothing yet. Fails with `argument_invalid` for a connection
    /// string that is no service's, `not_found_locally` or `tls_failed` for the CA file.
    static Result<ServiceClient> open(ServiceOptions options);

    ServiceClient(ServiceClient&&) noexcept;
    ServiceClient& operator=(ServiceClient&&) noexcept;
    ~ServiceClient();

    const std::string& host_name() const;

    /// An identity as it now is. Fails with `device_already_exists`.
    Result<std::string> create_device(const DeviceId& device, std::string_view identity_json);
    /// Fails with `device_not_found`.
    Result<std::string> find_device(const DeviceId& device);
    /// Replaces an identity. Fails with `device_not_found`, `precondition_failed`.
    Result<std::string> update_device(const DeviceId& device, std::string_view identity_json,
                                      std::string_view etag = "*");
    Result<> delete_device(const DeviceId& device, std::string_view etag = "*");

    /// The same for a module of a device, which `module` names. Fail with `module_not_found`,
    /// `module_already_exists_on_device`, `precondition_failed`.
    Result<std::string> create_module(const IdentityKey& module, std::string_view identity_json);
    Result<std::string> find_module(const IdentityKey& module);
    Result<std::string> update_module(const IdentityKey& module, std::string_view identity_json,
                                      std::string_view etag = "*");
    Result<std::string> list_modules(const DeviceId& device);
    Result<> delete_module(const IdentityKey& module, std::string_view etag = "*");

    /// Carries out up to 100 registry operations in one request: `entries_json` is an array of device
    /// identities, each with an `importMode` such as `createOrUpdate`; gives what the hub says of each.
    /// Fails with `bulk_registry_operation_failure` if one failed, though others may have succeeded.
    /// Source: IoT Hub REST reference, "Bulk Registry - Update Registry".
    Result<std::string> update_registry(std::string_view entries_json);

    /// Carries out up to `bulk_entries_max` entries of `devices.txt` in a JSON array, each by itself;
    /// gives the hub's `{"isSuccessful":…,"errors":[…],"warnings":[…]}`, also where some failed.
    static constexpr std::size_t bulk_entries_max = 100;
    Result<std::string> bulk_devices(std::string_view entries_json);
    /// A page of all identities with their twins, as entries of `devices.txt`, which only Carillon gives
    /// by HTTPS. Fails with `generic_not_found` at another hub.
    Result<ServicePage> registry_page(bool exclude_keys, std::string_view continuation = {});

    /// Import and export jobs. Source: IoT Hub docs, "Import and export IoT Hub device identities in
    /// bulk". Fail with `blob_container_validation_error`, `job_quota_exceeded`; `job_not_found`.
    Result<std::string> create_transfer_job(std::string_view request_json);
    Result<std::string> find_transfer_job(std::string_view job);
    Result<> cancel_transfer_job(std::string_view job);

    /// Configurations, automatic device management. `put` creates one, or with an `etag` replaces it. Fail
    /// with `configuration_already_exists`, `configuration_not_found`, `precondition_failed`,
    /// `invalid_configuration_content`, `invalid_configuration_target_condition`.
    /// Source: azure-iot-hub-python: service.json.
    Result<std::string> put_configuration(std::string_view configuration, std::string_view configuration_json,
                                          std::string_view etag = {});
    Result<std::string> find_configuration(std::string_view configuration);
    /// All there are.
    Result<ServicePage> list_configurations();
    Result<> delete_configuration(std::string_view configuration, std::string_view etag = "*");
    /// Gives one edge device a content, once. Fails with `device_not_found`, `argument_invalid`.
    Result<> apply_configuration_content(const DeviceId& device, std::string_view content_json);

    /// Makes a link that opens one session of Carillon's dashboard within two minutes, for reading, or for
    /// changes too; gives its path. Fails with `generic_not_found` at another hub, and with
    /// `feature_not_supported` at one without a dashboard.
    Result<std::string> make_dashboard_link(bool allows_changes);

    /// Shared access policies of Carillon, for a policy that has every right. `renew_policy_key` makes the
    /// `primary` or `secondary` key new, which ends the connections that stand on it, or with `swap` changes
    /// which is which; it gives the policy with its keys. Fail with `generic_not_found`, also at another hub,
    /// and with `argument_invalid`.
    Result<ServicePage> list_policies();
    Result<std::string> find_policy(std::string_view policy);
    Result<std::string> renew_policy_key(std::string_view policy, std::string_view key);
    /// Makes the hub's own key new: continuation tokens, dashboard sessions and links are void.
    Result<> renew_token_key();

    /// A backup of a whole Carillon, for a policy that has every right: gives `take` the archive piece by
    /// piece, until `take` fails or the archive is over. Nothing here checks it. Fails with `server_busy`
    /// while another is being made, with `connection_closed` if the hub cut it off, with `gateway_timeout` if
    /// nothing comes for `backup_quiet_max`, with what `take` fails with, and with `generic_not_found` at
    /// another hub.
    static constexpr std::chrono::seconds backup_quiet_max{60};
    /// `since`, unless it is empty, is the member `store.files` of an earlier backup: what lies in that one
    /// is left out.
    Result<> download_backup(const std::function<Result<>(std::string_view)>& take,
                             std::string_view since = {});

    Result<std::string> find_twin(const IdentityKey& target);
    /// Merges `{"tags":…,"properties":{"desired":…}}` into the twin; gives the new twin.
    Result<std::string> update_twin(const IdentityKey& target, std::string_view patch_json,
                                    std::string_view etag = "*");
    /// Puts tags and desired properties in place of what was there; gives the new twin.
    Result<std::string> replace_twin(const IdentityKey& target, std::string_view twin_json,
                                     std::string_view etag = "*");

    /// The device's answer, `{"status":…,"payload":…}`. Fails with `device_not_found`,
    /// `device_not_online`, `gateway_timeout`.
    Result<std::string> invoke_method(const IdentityKey& target, const MethodInvocation& call);

    /// Cloud-to-device messages. `send_message` queues one for a device or module; Azure IoT Hub takes them
    /// over AMQP only. Fails with `device_maximum_queue_depth_exceeded`, `message_too_large`,
    /// `invalid_message_expiry_time`, `argument_invalid`, `device_not_found`.
    Result<> send_message(const IdentityKey& target, const ServiceMessage& message);
    /// Empties a device's queue; gives `{"totalMessagesPurged":…}`.
    Result<std::string> purge_messages(const DeviceId& device);
    // What a device does over HTTPS, for a policy with the right to connect devices:
    /// Sends a message of the device to the hub, which has it when this returns; `ack`, `expiry` and `input`
    /// are not of such. Fails with `message_too_large`, `argument_invalid`, `iot_hub_unauthorized_access`.
    Result<> send_event(const DeviceId& device, const ServiceMessage& message);
    /// Receives the oldest message and locks it for `lock_s` seconds, 5 to 300; nothing if none waits.
    Result<std::optional<ReceivedServiceMessage>> receive_message(const DeviceId& device, int lock_s = 60);
    /// Ends that lock. Fails with `device_message_lock_lost`.
    Result<> settle_message(const DeviceId& device, std::string_view lock, MessageSettlement how);
    /// Feedback on messages whose senders asked for it; nothing if there is none. It comes again unless it is
    /// completed within a minute.
    Result<std::optional<ServiceFeedback>> receive_feedback();
    Result<> settle_feedback(std::string_view lock, MessageSettlement how);
    /// The same for notifications of files that devices have uploaded; Azure IoT Hub gives them over AMQP
    /// only.
    Result<std::optional<ServiceFileNotification>> receive_file_notification();
    Result<> settle_file_notification(std::string_view lock, MessageSettlement how);

    /// Orders a job: the method is called on each device of the query. Fails with `job_already_exists`,
    /// `throttling_max_active_job_count_exceeded`, `argument_invalid`; with `rollout` also as
    /// `check_rollout`.
    Result<JobReport> schedule_method_job(std::string_view job, const JobPlan& plan,
                                          const MethodInvocation& call);
    /// The same for a change of tags and desired properties, `{"tags":…,"properties":{"desired":…}}`.
    Result<JobReport> schedule_twin_job(std::string_view job, const JobPlan& plan,
                                        std::string_view patch_json);
    /// How the job is doing. Fails with `job_not_found`.
    Result<JobReport> job_status(std::string_view job);
    /// What became of each device: rows of `devices.jobs`, all or those of one status, such as `failed`.
    Result<ServicePage> job_devices(std::string_view job, std::string_view status, std::size_t page_size,
                                    std::string_view continuation = {});

    /// The same as documents. Fails with `job_already_exists`, `throttling_max_active_job_count_exceeded`.
    Result<std::string> create_job(std::string_view job, std::string_view request_json);
    /// Fails with `job_not_found` where the hub says that the job is `unknown`.
    Result<std::string> find_job(std::string_view job);
    /// Fails with `job_not_found`, `operation_not_allowed_in_current_state`.
    Result<std::string> cancel_job(std::string_view job);
    /// What a hub says of itself, `{"version":…,"rollout":1}`; only Carillon has it.
    Result<std::string> about();
    /// Fails with `feature_not_supported` if the hub does not know rollouts: it would not read the object,
    /// and run such a job at once on all its devices.
    Result<> check_rollout();
    // Of jobs with a rollout; `why` is kept in the job's history. They give the job as `job_progress` does,
    // once what was asked for is durable, and fail with `job_not_found`,
    // `operation_not_allowed_in_current_state`.
    Result<std::string> job_progress(std::string_view job);
    /// What was decided about it and by whom, a JSON document for each event, oldest first.
    Result<std::vector<std::string>> job_history(std::string_view job);
    /// No device begins any more; those that have begun end as usual.
    Result<std::string> pause_job(std::string_view job, std::string_view why = {});
    Result<std::string> resume_job(std::string_view job, std::string_view why = {});
    /// Lets a wave pass, so that the next one opens.
    Result<std::string> promote_job(std::string_view job, unsigned wave, std::string_view why = {});
    /// Of a continuous job: no device joins any more, and it ends when all have ended.
    Result<std::string> close_job(std::string_view job, std::string_view why = {});
    /// `rollout_changes` is a merge patch of the rollout. Fails with `argument_invalid` too, and with
    /// `precondition_failed` if `revision` is given and is not the job's.
    Result<std::string> change_job(std::string_view job, std::string_view rollout_changes,
                                   std::optional<std::int64_t> revision = {});
    // Of any job at Carillon. Fail with `job_not_found`.
    /// Which devices `job_outcomes` gives; all that is given must hold.
    struct OutcomeFilter {
        std::string status;            ///< `failed` …
        std::string kind;              ///< `timeout` …, of the failed ones.
        std::optional<unsigned> wave;  ///< Counted from 0.
    };
    /// What became of each device, a JSON document for each. Fails with `connection_closed` if the hub could
    /// not read all of them.
    Result<std::vector<std::string>> job_outcomes(std::string_view job, const OutcomeFilter& filter = {});
    /// Failures by cause, and what the devices of a cause have in common.
    Result<std::string> job_failures(std::string_view job);
    /// Whether the job's log is as it was written; `seal` is one that was kept elsewhere, or empty.
    Result<std::string> verify_job(std::string_view job, std::string_view seal = {});

    /// What a job would do, at Carillon: the hub begins to look; gives the plan's id. `request_json` is what
    /// `create_job` takes. Fails with `argument_invalid`, `throttling_exception`.
    Result<std::string> make_plan(std::string_view request_json);
    /// The plan; its `state` is `running` until it is `done`. Fails with `job_not_found`.
    Result<std::string> find_plan(std::string_view plan);
    Result<> delete_plan(std::string_view plan);
    /// Orders the job of a plan that is done, bound to its hash; `drift` is the share of its devices that may
    /// have left or come, empty for the hub's own. Fails as `create_job`.
    Result<std::string> apply_plan(std::string_view job, std::string_view plan, std::string_view hash,
                                   std::string_view drift = {});
    /// Bounds how many devices all jobs have at risk together, at Carillon, for a policy with every right;
    /// holds when it is answered. Fails with `argument_invalid`, `service_unavailable`, after which it may
    /// stand.
    Result<> put_budget(std::string_view name, const JobBudgetOptions& budget);
    /// Lets no device of any job begin, at Carillon, for a policy with every right: `jobs` is `all`,
    /// `methods` or `twins`. After the answer none begins. Fails with `service_unavailable`, after which it
    /// may stand.
    Result<> hold_jobs(std::string_view budget, std::string_view jobs = "all");
    /// Fails with `generic_not_found`.
    Result<> release_jobs(std::string_view budget);
    /// Templates of jobs, at Carillon, as JSON documents (docs/rollout-reference.md). Makes or replaces one;
    /// gives what the hub says of it. Fails with `argument_invalid`.
    Result<std::string> put_template(std::string_view name, std::string_view json);
    /// Fails with `generic_not_found`, as the next two.
    Result<std::string> find_template(std::string_view name);
    Result<> delete_template(std::string_view name);
    /// Makes its jobs, all or none: gives `{"jobs":[…]}`. `parameters_json` is an object of values, or empty.
    Result<std::string> run_template(std::string_view name, std::string_view job,
                                     std::string_view parameters_json = {});
    /// Decides on a job that waits for an approval, for a policy with the right JobApprove. `hash` is that of
    /// `approval` in `job_progress`. Fails with `precondition_failed` where the job has another one,
    /// `operation_not_allowed_in_current_state`, `iot_hub_unauthorized_access`.
    Result<std::string> approve_job(std::string_view job, std::string_view hash, std::string_view why = {});
    Result<std::string> deny_job(std::string_view job, std::string_view hash, std::string_view why = {});

    /// Follows a job by its events, which only Carillon has (docs/live-progress.md): calls `take` for each
    /// until it returns false, or the stream is over; that is after the event `end`, or when the hub
    /// stops. `after` is the id of the last event seen before, or empty. Fails with `job_not_found`;
    /// with `gateway_timeout` if nothing comes for `quiet_max`, or when it is `until`; with whatever a
    /// hub answers that has no such route. `tick` is called about every `tick_interval` while nothing comes.
    static constexpr std::chrono::seconds quiet_max{40};
    static constexpr std::chrono::milliseconds tick_interval{200};
    Result<> follow_job(std::string_view job, std::string_view after,
                        std::chrono::steady_clock::time_point until,
                        const std::function<bool(const ServiceEvent&)>& take,
                        const std::function<void()>& tick = {});
    /// Reads what devices send, which only Carillon has over HTTPS (docs/read-events.md): calls `take` for
    /// each event until it returns false or the stream is over. Messages are named `message`; `position` and
    /// `end` bring an id to go on after. Fails as `follow_job` does, with `generic_not_found` for a consumer
    /// group that there is none of, and with `argument_invalid`.
    /// Once `stop`, if given, is true, it ends within `tick_interval` of silence, with `connection_closed`.
    Result<> follow_events(const EventsQuery& query, std::chrono::steady_clock::time_point until,
                           const std::function<bool(const ServiceEvent&)>& take,
                           const std::function<void()>& tick = {}, const std::atomic<bool>* stop = nullptr);
    /// How far each partition of the event log reaches: the hub's own or that of an endpoint. At Carillon
    /// only, as are the next.
    Result<ServicePage> list_partitions(std::string_view endpoint = {});
    /// Consumer groups. `create` gives the one there is, too. Fail with `generic_not_found`,
    /// `argument_invalid`, `iot_hub_quota_exceeded`.
    Result<ServicePage> list_consumer_groups(std::string_view endpoint = {});
    Result<std::string> find_consumer_group(std::string_view group, std::string_view endpoint = {});
    Result<std::string> create_consumer_group(std::string_view group, std::string_view endpoint = {});
    Result<> delete_consumer_group(std::string_view group, std::string_view endpoint = {});
    /// Newest first. Empty filters mean any; `page_size` 0 leaves it to the hub.
    Result<ServicePage> list_jobs(std::string_view type, std::string_view status, std::size_t page_size,
                                  std::string_view continuation = {});

    /// One page of a query's rows. The same statement goes with the continuation.
    Result<ServicePage> query(std::string_view statement, std::size_t page_size,
                              std::string_view continuation = {});
    /// Calls `take` with each row of a query, page by page, until it returns false or there are no more.
    Result<> query_all(std::string_view statement, const std::function<bool(const std::string&)>& take);

    /// Any other request, for what has no call of its own here; gives the body of the answer. `etag` goes
    /// with it as `If-Match`, unless it is empty. `request.target` is a path, with a query or without.
    Result<std::string> send(const ServiceRequest& request, std::string_view etag = {});
    /// The same for a listing, whose answer is a JSON array. `page_size` 0 leaves it to the hub.
    Result<ServicePage> send_for_page(const ServiceRequest& request, std::size_t page_size,
                                      std::string_view continuation = {});

private:
    struct Impl;
    explicit ServiceClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// The JSON array `text` taken apart into its elements' texts; nothing if it is not an array.
std::optional<std::vector<std::string>> json_array_items(std::string_view text);

}  // namespace carillon
