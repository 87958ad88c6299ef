#include "model/message.hpp"

#include "base/stored_bytes.hpp"

namespace carillon {

namespace {
constexpr std::uint8_t message_format = 1;
}

std::string encode_message(const Message& message) {
    std::string bytes;
    bytes.reserve(message.body.size() + 256);
    StoredWriter out(bytes);
    out.u8(message_format);
    out.i64(message.enqueued.ticks);
    for (const std::string* text :
         {&message.device_id, &message.module_id, &message.generation_id, &message.auth_method})
        out.text(*text);
    out.varint(message.system.size());
    for (const auto& [name, value] : message.system) {
        out.text(name);
        out.text(value);
    }
    out.varint(message.properties.size());
    for (const auto& [name, value] : message.properties) {
        out.text(name);
        out.u8(value ? 1 : 0);
        if (value) out.text(*value);
    }
    out.text(message.body);
    return bytes;
}

Result<Message> decode_message(Bytes bytes) {
    StoredReader in(bytes);
    Message message;
    if (in.u8() != message_format) in.spoil();
    message.enqueued.ticks = in.i64();
    for (std::string* text :
         {&message.device_id, &message.module_id, &message.generation_id, &message.auth_method})
        *text = in.text();
    const std::size_t system_count = in.count(2);
    for (std::size_t i = 0; i < system_count && in.ok(); ++i) {
        std::string name(in.text());
        message.system.emplace_back(std::move(name), in.text());
    }
    const std::size_t property_count = in.count(2);
    for (std::size_t i = 0; i < property_count && in.ok(); ++i) {
        std::string name(in.text());
        std::optional<std::string> value;
        const std::uint8_t has_value = in.u8();
        if (has_value > 1) in.spoil();
        if (has_value == 1) value = in.text();
        message.properties.emplace_back(std::move(name), std::move(value));
    }
    message.body = in.text();
    if (!in.is_done()) return fail(Errc::store_corrupt, "a stored message does not decode");
    return message;
}

Result<MessageHead> peek_message(Bytes bytes) {
    StoredReader in(bytes);
    MessageHead head;
    if (in.u8() != message_format) in.spoil();
    head.enqueued.ticks = in.i64();
    head.device_id = in.text();
    head.module_id = in.text();
    if (!in.ok()) return fail(Errc::store_corrupt, "a stored message does not decode");
    return head;
}

}  // namespace carillon
