#include "device/message_bag.hpp"

#include "base/text.hpp"
#include "wire/mqtt/packet.hpp"
#include "wire/mqtt/property_bag.hpp"

namespace carillon {

std::string_view HubToDeviceMessage::find_system(std::string_view name) const {
    for (const auto& [key, value] : system) {
        if (key == name) return value;
    }
    return {};
}

}  // namespace carillon

namespace carillon::client {

namespace {

/// What the topic takes besides the bag: prefix and two ids.
constexpr std::size_t topic_rest_bytes = 512;

void add(std::string& bag, std::string_view encoded_name, std::string_view value) {
    if (!bag.empty()) bag += '&';
    bag.append(encoded_name).append("=").append(percent_encode(value));
}

}  // namespace

Result<std::string> bag_of(const TelemetryMessage& message) {
    const std::pair<std::string_view, const std::string&> system[] = {
        {"%24.mid", message.message_id},      {"%24.cid", message.correlation_id},
        {"%24.uid", message.user_id},         {"%24.ct", message.content_type},
        {"%24.ce", message.content_encoding}, {"%24.ctime", message.creation_time},
        {"%24.on", message.output},
    };
    std::string bag;
    for (const auto& [name, value] : system) {
        if (!value.empty()) add(bag, name, value);
    }
    if (message.properties.size() > mqtt::properties_max) {
        return fail(Errc::message_too_large, "too many properties");
    }
    for (const auto& [name, value] : message.properties) {
        if (name.empty() || name.starts_with("$.")) {
            return fail(Errc::argument_invalid, "`" + name + "` cannot be a property's name");
        }
        add(bag, percent_encode(name), value);
    }
    if (bag.size() + message.body.size() > TelemetryMessage::bytes_max ||
        bag.size() + topic_rest_bytes > mqtt::PacketLimits::topic_bytes_max) {
        return fail(Errc::message_too_large, "body and properties are too large");
    }
    return bag;
}

Result<HubToDeviceMessage> message_of(const HubMessage& message) {
    auto bag = message.properties != nullptr ? Result<mqtt::PropertyBag>(*message.properties)
                                             : mqtt::parse_property_bag(message.bag);
    if (!bag) return fail(std::move(bag).error());
    HubToDeviceMessage made;
    made.body = message.payload;
    made.input = message.input;
    made.system = std::move(bag->system);
    for (auto& [name, value] : bag->properties) {
        made.properties.emplace_back(std::move(name), std::move(value).value_or(std::string()));
    }
    return made;
}

}  // namespace carillon::client
