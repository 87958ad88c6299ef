#include "endpoint/mqtt/cloud_message_topic.hpp"

#include "base/text.hpp"

#include <fmt/core.h>
#include <array>
#include <utility>
#include <vector>

namespace carillon::mqtt {
namespace {

/// System properties as they are called over AMQP and in topics.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> short_names = {{
    {"message-id", "mid"},
    {"to", "to"},
    {"correlation-id", "cid"},
    {"user-id", "uid"},
    {"content-type", "ct"},
    {"content-encoding", "ce"},
}};

/// With exactly seven digits of a second. Source: azure-iot-sdk-csharp: MqttIotHubAdapter.cs, ParseExact.
std::string expiry_text(WallTime time) {
    const std::int64_t fraction = time.ticks % WallTime::ticks_per_second;
    std::string text = to_iso8601(WallTime{time.ticks - fraction});
    text.pop_back();  // Z
    return text + fmt::format(".{:07}Z", fraction);
}

}  // namespace

std::string cloud_message_topic(ClientIdentity identity, const CloudMessage& message) {
    std::vector<std::pair<std::string, std::string>> system;
    if (message.expiry) system.emplace_back("exp", expiry_text(*message.expiry));
    for (const auto& [name, short_name] : short_names) {
        const std::string_view value = message.find_system(name);
        if (!value.empty()) system.emplace_back(short_name, value);
    }
    // azure-iot-sdk-csharp reads the last part of every topic, and ends the connection where there is none.
    if (message.find_system("to").empty()) {
        std::string to = fmt::format("/devices/{}", identity.device);
        if (!identity.module.empty()) to += fmt::format("/modules/{}", identity.module);
        system.emplace_back("to", to + "/messages/devicebound");
    }
    return c2d_topic(identity, system, message.ack ? ack_text(*message.ack) : std::string_view(),
                     message.properties, message.input());
}

}  // namespace carillon::mqtt
