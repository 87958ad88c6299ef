#include "endpoint/mqtt/telemetry_message.hpp"

#include "core/shard/record.hpp"
#include "wire/mqtt/property_bag.hpp"

#include <algorithm>

namespace carillon::mqtt {

namespace {

/// Sets an application property that the hub decides, whatever the device said.
void stamp(Message& message, std::string name, std::string value) {
    auto& properties = message.properties;
    properties.erase(std::remove_if(properties.begin(), properties.end(),
                                    [&name](const auto& property) { return property.first == name; }),
                     properties.end());
    properties.emplace_back(std::move(name), std::move(value));
}

Result<Message> make(std::string_view bag_text, std::string_view body, const Sender& sender) {
    auto bag = parse_property_bag(bag_text);
    if (!bag) return fail(std::move(bag).error());
    if (body.size() + bag->bytes() > MessageLimits::d2c_bytes_max) {
        return fail(Errc::message_too_large, "message over 256 KB with its properties");
    }
    Message message;
    message.device_id = sender.record.key.device.str();
    message.module_id = sender.record.key.module;
    message.generation_id = std::to_string(sender.record.committed->identity.generation_id());
    message.auth_method = auth_method_text(sender.method);
    message.enqueued = sender.now;
    message.system = std::move(bag->system);
    message.properties = std::move(bag->properties);
    message.body = body;
    if (!sender.model_id.empty()) message.system.emplace_back("dt-dataschema", sender.model_id);
    return message;
}

}  // namespace

Result<Message> make_message(const TelemetryPublish& publish, const Sender& sender) {
    auto message = make(publish.bag, as_text(publish.payload), sender);
    if (!message) return message;
    if (publish.dup) stamp(*message, "mqtt-dup", "true");
    if (publish.retain) stamp(*message, "mqtt-retain", "true");
    return message;
}

Result<Message> make_will_message(const StoredWill& will, const Sender& sender) {
    auto message = make(will.bag, will.payload, sender);
    if (!message) return message;
    if (will.retain) stamp(*message, "mqtt-retain", "true");
    stamp(*message, "iothub-MessageType", "Will");
    return message;
}

}  // namespace carillon::mqtt
