#include "device/device_topics.hpp"

#include "base/text.hpp"
#include "wire/mqtt/topic_prefixes.hpp"

#include <charconv>

namespace carillon {

namespace {

using mqtt::consume;

constexpr std::string_view device_api_version = "2021-04-12";

std::string own_prefix(mqtt::ClientIdentity identity) {
    std::string prefix = "devices/" + std::string(identity.device) + "/";
    if (!identity.module.empty()) prefix += "modules/" + std::string(identity.module) + "/";
    return prefix;
}

/// Reads `?$rid=…&$version=…`, in any order, with or without others.
bool parse_query(std::string_view text, HubTopic& topic) {
    if (!consume(text, "?")) return false;
    while (!text.empty()) {
        const std::size_t end = text.find('&');
        std::string_view pair = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (consume(pair, "$rid=")) {
            topic.rid = pair;
        } else if (consume(pair, "$version=")) {
            topic.version = parse_i64(pair);
        }
    }
    return true;
}

/// Takes what stands before the next slash off the front.
std::optional<std::string_view> take_level(std::string_view& text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos || slash == 0) return std::nullopt;
    const std::string_view level = text.substr(0, slash);
    text.remove_prefix(slash + 1);
    return level;
}

std::optional<HubTopic> parse_method(std::string_view text) {
    HubTopic topic;
    topic.kind = HubTopic::Kind::method;
    const auto name = take_level(text);
    if (!name || !parse_query(text, topic) || topic.rid.empty()) return std::nullopt;
    topic.name = *name;
    return topic;
}

std::optional<HubTopic> parse_twin_response(std::string_view text) {
    HubTopic topic;
    topic.kind = HubTopic::Kind::twin_response;
    const auto status = take_level(text);
    if (!status || !parse_query(text, topic)) return std::nullopt;
    const auto [end, error] = std::from_chars(status->data(), status->data() + status->size(), topic.status);
    if (error != std::errc{} || end != status->data() + status->size()) return std::nullopt;
    return topic;
}

std::optional<HubTopic> parse_message(std::string_view text, mqtt::ClientIdentity identity) {
    HubTopic topic;
    if (!consume(text, own_prefix(identity))) return std::nullopt;
    if (consume(text, "messages/devicebound/") || consume(text, "messages/deviceBound/")) {
        topic.kind = HubTopic::Kind::c2d;
    } else if (!identity.module.empty() && consume(text, "inputs/")) {
        topic.kind = HubTopic::Kind::input;
        const auto name = take_level(text);
        if (!name) return std::nullopt;
        topic.name = *name;
    } else {
        return std::nullopt;
    }
    topic.bag = text;
    return topic;
}

}  // namespace

std::string feature_filter(DeviceFeature feature, mqtt::ClientIdentity identity) {
    switch (feature) {
        case DeviceFeature::methods:
            return std::string(mqtt::methods_filter_prefix) + "#";
        case DeviceFeature::twin_responses:
            return std::string(mqtt::twin_res_filter_prefix) + "#";
        case DeviceFeature::desired:
            return std::string(mqtt::desired_filter_prefix) + "#";
        case DeviceFeature::c2d:
            return own_prefix(identity) + "messages/devicebound/#";
        case DeviceFeature::inputs:
            // Its cloud-to-device messages besides. azure-iot-sdk-c: iothubtransport_mqtt_common.c
            return own_prefix(identity) + "#";
    }
    return {};
}

std::optional<HubTopic> parse_hub_topic(std::string_view topic, mqtt::ClientIdentity identity) {
    if (consume(topic, mqtt::methods_filter_prefix)) return parse_method(topic);
    if (consume(topic, mqtt::twin_res_filter_prefix)) return parse_twin_response(topic);
    if (consume(topic, mqtt::desired_filter_prefix)) {
        HubTopic found;
        found.kind = HubTopic::Kind::desired;
        if (!parse_query(topic, found) || !found.version) return std::nullopt;
        return found;
    }
    return parse_message(topic, identity);
}

std::string telemetry_topic(mqtt::ClientIdentity identity) {
    return own_prefix(identity) + "messages/events/";
}

std::string device_user_name(std::string_view host_name, std::string_view client_id,
                             std::string_view model_id, std::string_view client_type) {
    std::string name;
    name.append(host_name).append("/").append(client_id);
    name.append("/?api-version=").append(device_api_version);
    if (!model_id.empty()) name.append("&model-id=").append(percent_encode(model_id));
    name.append("&DeviceClientType=").append(percent_encode(client_type));
    return name;
}

}  // namespace carillon
