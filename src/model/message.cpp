#include "model/message.hpp"

#include "model/message_members.hpp"
#include "model/message_parts.hpp"

namespace carillon {

namespace {
constexpr std::uint8_t telemetry_format = 1;

/// Into a `Message` or its parts.
template <class Into>
Result<Into> read_stored(Bytes bytes) {
    StoredReader in(bytes);
    Into message;
    if (in.u8() != telemetry_format) in.spoil();
    message.enqueued.ticks = in.i64();
    for (auto* text : {&message.device_id, &message.module_id, &message.generation_id, &message.auth_method})
        *text = in.text();
    read_message_members(in, message.system, message.properties, message.body);
    if (!in.is_done()) return fail(Errc::store_corrupt, "a stored message does not decode");
    return message;
}
}  // namespace

std::string encode_message(const Message& message) {
    std::string bytes;
    bytes.reserve(message.body.size() + 256);
    StoredWriter out(bytes);
    out.u8(telemetry_format);
    out.i64(message.enqueued.ticks);
    for (const std::string* text :
         {&message.device_id, &message.module_id, &message.generation_id, &message.auth_method})
        out.text(*text);
    write_message_members(out, message.system, message.properties, message.body);
    return bytes;
}

Result<Message> decode_message(Bytes bytes) {
    return read_stored<Message>(bytes);
}

Result<MessageParts> read_message_parts(Bytes bytes) {
    return read_stored<MessageParts>(bytes);
}

Result<MessageHead> peek_message(Bytes bytes) {
    StoredReader in(bytes);
    MessageHead head;
    if (in.u8() != telemetry_format) in.spoil();
    head.enqueued.ticks = in.i64();
    head.device_id = in.text();
    head.module_id = in.text();
    if (!in.ok()) return fail(Errc::store_corrupt, "a stored message does not decode");
    return head;
}

}  // namespace carillon
