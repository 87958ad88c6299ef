#include "fleet/registration.hpp"

#include "fleet/behaviour.hpp"

#include "base/json.hpp"
#include "fleet/chance.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace carillon::fleet {
namespace {

/// What the registrars share.
struct Registration {
    const ServiceOptions& hub;
    const Credentials& credentials;
    const RegistrationOrder& order;
    std::atomic<std::uint64_t>& done;
    const std::atomic<bool>& is_stopped;
    std::atomic<std::uint64_t> next{0};  ///< The first device, from 0, that nobody has taken on.
    std::atomic<bool> has_failed{false};
    std::mutex mutex;  ///< Guards `error`.
    std::optional<Error> error;

    void fail_with(const Error& why) {
        has_failed = true;
        const std::lock_guard lock(mutex);
        if (!error) error = why;
    }
};

void work(Registration& all) {
    auto client = ServiceClient::open(all.hub);
    if (!client) return all.fail_with(client.error());
    while (!all.is_stopped && !all.has_failed) {
        const std::uint64_t from = all.next.fetch_add(registered_at_once);
        if (from >= all.order.devices) return;
        const std::uint64_t count = std::min(registered_at_once, all.order.devices - from);
        const auto answer = client->update_registry(
            registration_json(all.credentials, all.order, all.order.first + from, count));
        if (!answer) return all.fail_with(answer.error());
        all.done += count;
    }
}

}  // namespace

std::string registration_json(const Credentials& credentials, const RegistrationOrder& order,
                              std::uint64_t first, std::uint64_t count) {
    std::string text;
    JsonWriter json(text);
    json.begin_array();
    for (std::uint64_t number = first; number < first + count; ++number) {
        const std::string id = device_id(order.prefix, number);
        json.begin_object().member("id", id).member("importMode", "createOrUpdate");
        json.member("status", "enabled");
        json.key("authentication").begin_object().member("type", "sas").key("symmetricKey").begin_object();
        json.member("primaryKey", credentials.primary_key(id));
        json.member("secondaryKey", credentials.secondary_key(id)).end_object().end_object();
        json.key("tags").begin_object().member("fleet", order.prefix);
        json.member("tenth", number % tag_groups);
        Chance place(0, number, Purpose::place, 0);
        if (order.sites > 0) json.member("site", "site-" + std::to_string(place.next() % order.sites));
        if (!order.zones.empty()) json.member("tz", order.zones[place.next() % order.zones.size()]);
        json.end_object().end_object();
    }
    json.end_array();
    return text;
}

Result<> register_devices(const ServiceOptions& hub, const Credentials& credentials,
                          const RegistrationOrder& order, std::atomic<std::uint64_t>& done,
                          const std::atomic<bool>& is_stopped) {
    Registration all{.hub = hub,
                     .credentials = credentials,
                     .order = order,
                     .done = done,
                     .is_stopped = is_stopped,
                     .mutex = {},
                     .error = {}};
    const std::uint64_t requests = (order.devices + registered_at_once - 1) / registered_at_once;
    std::vector<std::thread> registrars;
    for (std::uint64_t i = 1; i < std::min(registrars_max, requests); ++i) {
        registrars.emplace_back([&all] { work(all); });
    }
    work(all);
    for (std::thread& registrar : registrars) registrar.join();
    if (all.error) return fail(*all.error);
    return {};
}

}  // namespace carillon::fleet
