// A message and, if it is a batch, those within. What is decoded is within the input and can be read.

#include "base/result.hpp"
#include "wire/amqp/message.hpp"

#include <string>

namespace {

using namespace carillon;
using namespace carillon::amqp;

void look_at(const MessageView& message, Bytes bytes) {
    CARILLON_ASSERT(message.body.empty() ||
                    (message.body.data() >= bytes.data() &&
                     message.body.data() + message.body.size() <= bytes.data() + bytes.size()));
    CARILLON_ASSERT(message.content().size() <= bytes.size());
    static_cast<void>(message.body_value());
    static_cast<void>(find_in_map(message.application_properties, "iothub-ack"));
    static_cast<void>(find_in_map(message.message_annotations, "operation"));
    std::string out;
    append_properties(out, message.properties);
    const auto again = decode_message(as_bytes(out));
    CARILLON_ASSERT(again.has_value() && again->properties.to == message.properties.to &&
                    again->properties.absolute_expiry_ms == message.properties.absolute_expiry_ms);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes bytes(data, size);
    const auto message = decode_message(bytes);
    if (!message) return 0;
    look_at(*message, bytes);
    BatchReader in(*message);
    while (true) {
        const auto inner = in.next();
        if (!inner || !*inner) break;
        look_at(**inner, bytes);
    }
    return 0;
}
