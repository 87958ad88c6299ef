#include "endpoint/mqtt/telemetry_publish.hpp"

#include "wire/mqtt/property_bag.hpp"

namespace carillon::mqtt {

namespace {

Result<device::DeviceMessage> read(std::string_view bag_text, std::string_view body) {
    auto bag = parse_property_bag(bag_text);
    if (!bag) return fail(std::move(bag).error());
    device::DeviceMessage message;
    message.system = std::move(bag->system);
    message.properties = std::move(bag->properties);
    message.body = body;
    return message;
}

}  // namespace

Result<device::DeviceMessage> read_telemetry(const TelemetryPublish& publish) {
    auto message = read(publish.bag, as_text(publish.payload));
    if (!message) return message;
    if (publish.dup) message->stamps.emplace_back("mqtt-dup", "true");
    if (publish.retain) message->stamps.emplace_back("mqtt-retain", "true");
    return message;
}

Result<device::DeviceMessage> read_will(const StoredWill& will) {
    auto message = read(will.bag, will.payload);
    if (!message) return message;
    if (will.retain) message->stamps.emplace_back("mqtt-retain", "true");
    message->stamps.emplace_back("iothub-MessageType", "Will");
    return message;
}

}  // namespace carillon::mqtt
