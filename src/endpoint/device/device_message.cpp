#include "endpoint/device/device_message.hpp"

#include "core/shard/record.hpp"

#include <algorithm>

namespace carillon::device {

namespace {

std::size_t bytes_of(const DeviceMessage& sent) {
    std::size_t sum = sent.body.size();
    for (const auto& [name, value] : sent.system) sum += name.size() + value.size();
    for (const auto& [name, value] : sent.properties) sum += name.size() + (value ? value->size() : 0);
    return sum;
}

void stamp(Message& message, std::string name, std::string value) {
    auto& properties = message.properties;
    properties.erase(std::remove_if(properties.begin(), properties.end(),
                                    [&name](const auto& property) { return property.first == name; }),
                     properties.end());
    properties.emplace_back(std::move(name), std::move(value));
}

}  // namespace

Result<Message> make_message(DeviceMessage sent, const Sender& sender) {
    if (bytes_of(sent) > MessageLimits::d2c_bytes_max) {
        return fail(Errc::message_too_large, "message over 256 KB with its properties");
    }
    Message message;
    message.device_id = sender.record.key.device.str();
    message.module_id = sender.record.key.module;
    message.generation_id = std::to_string(sender.record.committed->identity.generation_id());
    message.auth_method = auth_method_text(sender.method);
    message.enqueued = sender.now;
    message.system = std::move(sent.system);
    message.properties = std::move(sent.properties);
    message.body = sent.body;
    if (!sender.model_id.empty()) message.system.emplace_back("dt-dataschema", sender.model_id);
    for (auto& [name, value] : sent.stamps) stamp(message, std::move(name), std::move(value));
    return message;
}

}  // namespace carillon::device
