#include "provisioning/fleet_provisioning.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "carillon/enrollments.hpp"
#include "carillon/provisioning_client.hpp"
#include "failure.hpp"
#include "fleet/credentials.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace carillon {

namespace {

/// What the threads share.
struct Work {
    const ProvisioningOptions options;
    const FleetProvisioning& order;
    std::atomic<std::uint64_t>& done;
    const std::atomic<bool>& is_stopped;
    std::atomic<std::uint64_t> next{0};  ///< The first device, from 0, that nobody has taken on.
    std::atomic<bool> has_failed{false};
    std::mutex mutex;  ///< Guards `error`.
    std::optional<Error> error;
};

Result<> provision(const Work& work, std::uint64_t number) {
    const std::string id = fleet::device_id(work.order.devices.prefix, work.order.devices.first + number);
    auto client = ProvisioningClient::open(work.options);
    if (!client) return fail(std::move(client).error());
    const auto device = client->register_device(id, derive_device_key(work.order.group_key, id));
    if (!device) return fail(device.error().code, id + ": " + device.error().detail);
    if (equals_ignoring_case(device->hub, work.order.host_name)) return {};
    return fail_usage(id + " is assigned to " + device->hub + ", and the fleet connects to " +
                      work.order.host_name);
}

void run(Work& work) {
    while (!work.is_stopped && !work.has_failed) {
        const std::uint64_t number = work.next.fetch_add(1);
        if (number >= work.order.devices.devices) return;
        const auto provisioned = provision(work, number);
        if (provisioned) {
            ++work.done;
            continue;
        }
        work.has_failed = true;
        const std::lock_guard lock(work.mutex);
        if (!work.error) work.error = provisioned.error();
    }
}

}  // namespace

Result<> enroll_fleet(const ServiceOptions& hub, const FleetProvisioning& order) {
    std::string id = order.devices.prefix;
    while (id.ends_with('-')) id.pop_back();
    if (id.empty()) return fail_usage("--provision with --create needs a --prefix: the group is called so");
    auto client = ServiceClient::open(hub);
    if (!client) return fail(std::move(client).error());
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("enrollmentGroupId", id).key("attestation").begin_object();
    json.member("type", "symmetricKey").key("symmetricKey").begin_object();
    json.member("primaryKey", order.group_key).member("secondaryKey", order.group_key);
    json.end_object().end_object();
    json.key("initialTwin").begin_object().key("tags").begin_object();
    json.member("fleet", order.devices.prefix).end_object().end_object().end_object();
    Enrollments enrollments(*client);
    auto made = enrollments.put(Enrollments::Kind::group, id, body);
    if (!made && made.error().code == Errc::enrollment_already_exists)
        made = enrollments.put(Enrollments::Kind::group, id, body, "*");
    if (!made) return fail(std::move(made).error());
    return {};
}

Result<> provision_devices(const ServiceOptions& hub, const FleetProvisioning& order,
                           std::atomic<std::uint64_t>& done, const std::atomic<bool>& is_stopped) {
    ProvisioningOptions options;
    options.host = order.host_name;
    options.id_scope = order.id_scope;
    options.ca_file = hub.ca_file;
    options.address = hub.address;
    options.port = hub.port;
    Work work{.options = std::move(options),
              .order = order,
              .done = done,
              .is_stopped = is_stopped,
              .mutex = {},
              .error = {}};
    std::vector<std::thread> threads;
    for (std::uint64_t i = 1; i < std::min(provisioned_at_once, order.devices.devices); ++i)
        threads.emplace_back([&work] { run(work); });
    run(work);
    for (std::thread& thread : threads) thread.join();
    if (work.error) return fail(*work.error);
    return {};
}

}  // namespace carillon
