#include "endpoint/amqp/event_links.hpp"

#include "base/text.hpp"
#include "core/events/events.hpp"
#include "core/hub/hub.hpp"
#include "endpoint/amqp/event_access.hpp"
#include "endpoint/amqp/event_management.hpp"
#include "endpoint/amqp/event_pump.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/amqp/event_links.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <utility>
#include <vector>

namespace carillon::amqp {

namespace {

/// Source: azure-sdk-for-js: core-amqp, errors.ts.
constexpr std::string_view unauthorized = "amqp:unauthorized-access";
constexpr std::string_view not_found = "amqp:not-found";
constexpr std::string_view out_of_range = "com.microsoft:argument-out-of-range";
constexpr std::string_view argument_error = "com.microsoft:argument-error";
constexpr std::string_view stolen = "amqp:link:stolen";
constexpr std::string_view exceeded = "amqp:resource-limit-exceeded";

/// Literal in what clients read out of the address: 5671. Source: azure-event-hubs-node:
/// client/lib/config.js.
constexpr std::uint32_t amqps_port = 5671;

void refuse(HubConnection& connection, LinkId link, std::string_view name, const std::string& description) {
    connection.refuse(link, {.name = name, .description = description, .info = {}});
}

/// Who asks the hub for its events is told where the endpoint is: here. Source: azure-iot-sdks#57, log of
/// the service; IoT Hub docs samples, read-d2c-messages.
void redirect(HubConnection& connection, const LinkRequest& request) {
    const std::string host = event_host(connection.hub());
    std::string info;
    {
        MapWriter map(info);
        append_string(map.symbol_key("hostname"), host);
        append_string(map.symbol_key("network-host"), host);
        append_uint(map.symbol_key("port"), amqps_port);
        append_string(map.symbol_key("address"), fmt::format("amqps://{}:{}/{}/$management", host, amqps_port,
                                                             event_entity_name(connection.hub())));
    }
    connection.refuse(request.id, {.name = "amqp:link:redirect", .description = {}, .info = as_bytes(info)});
}

/// Where to begin, in the words of the core.
EventStart start_of(const EventSelector& selector) {
    switch (selector.kind) {
        case EventSelector::Kind::earliest:
            break;
        case EventSelector::Kind::latest:
            return EventStart::latest();
        case EventSelector::Kind::sequence:
            return EventStart::at(selector.sequence);
        case EventSelector::Kind::time: {
            // Times out of range are before all or after all events, and a clock's are not.
            constexpr std::int64_t ms_max = 250'000'000'000'000;
            const std::int64_t ms = std::clamp<std::int64_t>(selector.unix_ms, 0, ms_max);
            return EventStart::since(WallTime::from_unix_ms(ms));
        }
    }
    return EventStart::earliest();
}

Result<EventStart> read_start(const Attach& attach) {
    const auto text = find_event_selector(attach);
    if (!text) return fail(text.error());
    // Old clients that say nothing begin at the beginning.
    if (!*text) return EventStart::earliest();
    const auto selector = parse_event_selector(**text);
    if (!selector) return fail(selector.error());
    return start_of(*selector);
}

void refuse_unknown(HubConnection& connection, LinkId link, std::string_view entity) {
    refuse(connection, link, not_found,
           fmt::format("The messaging entity '{}' could not be found. status-code: 404", entity));
}

void open_partition(HubConnection& connection, const LinkRequest& request, const EventAddress& address) {
    const auto found = find_event_log(connection.hub(), address.entity);
    if (!found) return refuse_unknown(connection, request.id, address.entity);
    EventLog& events = *found;
    if (!events.groups().find(address.group)) {
        return refuse(connection, request.id, not_found,
                      fmt::format("The messaging entity '{}/ConsumerGroups/{}' could not be found. "
                                  "status-code: 404",
                                  address.entity, address.group));
    }
    const auto number = parse_u64(address.partition);
    if (!number || *number >= events.partition_count()) {
        return refuse(connection, request.id, out_of_range,
                      fmt::format("The specified partition is invalid for an EventHub partition sender or "
                                  "receiver. It should be between 0 and {}.",
                                  events.partition_count() - 1));
    }
    const auto partition = static_cast<std::uint32_t>(*number);
    const auto start = read_start(request.attach);
    if (!start) return refuse(connection, request.id, argument_error, start.error().detail);
    auto reader = events.open(partition, *start);
    if (!reader) {
        const bool is_bad = reader.error().code == Errc::argument_invalid;
        return refuse(connection, request.id, is_bad ? argument_error : exceeded, reader.error().detail);
    }
    const auto epoch = link_number(request.attach, "com.microsoft:epoch");
    auto slot = events.slots().take(
        address.group, partition, epoch, [weak = connection.weak_from_this(), link = request.id] {
            const auto there = weak.lock();
            if (!there) return;
            there->post([link](HubConnection& self) {
                self.detach(link, {.name = stolen,
                                   .description = "New receiver with the same or a higher epoch is created "
                                                  "hence current receiver is getting disconnected.",
                                   .info = {}});
            });
        });
    if (!slot.slot) {
        const bool is_stolen = slot.refusal == ReceiverSlots::Refusal::lower_epoch;
        return refuse(connection, request.id, is_stolen ? stolen : exceeded,
                      is_stolen
                          ? fmt::format("A receiver of partition {} under consumer group {} has a higher "
                                        "epoch.",
                                        partition, address.group)
                          : fmt::format("Exceeded the maximum number of allowed receivers per partition in "
                                        "a consumer group, which is {}.",
                                        ReceiverSlots::shared_max));
    }
    EventPump::Order order;
    order.link = request.id;
    order.reader = *std::move(reader);
    order.slot.emplace(*std::move(slot.slot));
    order.is_settled = request.attach.sender_mode != SenderSettleMode::unsettled;
    order.has_metrics = is_desired(request.attach, "com.microsoft:enable-receiver-runtime-metric");
    order.message_bytes_max = request.attach.max_message_size.value_or(0);
    order.entity = address.entity;
    order.path = event_path(address.entity);
    for (const std::string& part :
         {std::string("ConsumerGroups"), address.group, std::string("Partitions"), address.partition}) {
        order.path.push_back(part);
    }
    connection.accept(request.id, make_partition_link(connection, std::move(order)), 0);
}

}  // namespace

void open_event_link(HubConnection& connection, const LinkRequest& request) {
    const std::string name = event_entity_name(connection.hub());
    EventAddress address = parse_event_address(request.attach, name);
    if (address.kind == EventLinkKind::unknown) {
        return connection.refuse(request.id,
                                 {Errc::generic_not_found, "The hub has no link of this address."});
    }
    // A token may name the endpoint's entity or the hub's own name for it.
    auto path = event_path(address.entity.empty() ? name : address.entity);
    if (address.kind == EventLinkKind::partition) {
        path.insert(path.end(), {"ConsumerGroups", address.group, "Partitions", address.partition});
    } else if (address.kind != EventLinkKind::send_to_entity) {
        path.emplace_back("$management");
    }
    // A question says what it is about only when it comes.
    const bool may =
        may_read_events(connection, path) || (address.entity.empty() && may_manage_any_events(connection));
    if (!may) {
        return refuse(connection, request.id, unauthorized,
                      "Unauthorized access. 'Listen' claim(s) are required to perform this operation.");
    }
    if (!find_event_log(connection.hub(), address.entity))
        return refuse_unknown(connection, request.id, address.entity);
    switch (address.kind) {
        case EventLinkKind::hub_redirect:
            return redirect(connection, request);
        case EventLinkKind::management:
            return open_management_link(connection, request);
        case EventLinkKind::partition:
            return open_partition(connection, request, address);
        default:
            // Source: IoT Hub docs, "Read device-to-cloud messages from the built-in endpoint": Listen only.
            return refuse(connection, request.id, unauthorized,
                          "Unauthorized access. 'Send' claim(s) are required to perform this operation.");
    }
}

}  // namespace carillon::amqp
