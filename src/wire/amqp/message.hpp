#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/amqp/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::amqp {

/// The message format of AMQP 1.0 §3.2 itself.
constexpr std::uint32_t plain_format = 0;
/// A batch: each data section is a whole message. Source: azure-iot-sdk-c: message_queue and
/// iothubtransport_amqp_telemetry; azure-amqp: AmqpConstants.
constexpr std::uint32_t batch_format = 0x80013700;

/// The properties section, AMQP 1.0 §3.2.4. Texts are empty if absent; ids are null.
struct Properties {
    Value message_id;  ///< A ulong, uuid, binary or string.
    Bytes user_id;
    std::string_view to;
    std::string_view subject;
    std::string_view reply_to;
    Value correlation_id;  ///< As `message_id`.
    std::string_view content_type;
    std::string_view content_encoding;
    std::optional<std::int64_t> absolute_expiry_ms;
    std::optional<std::int64_t> creation_ms;
};

enum class BodyKind : std::uint8_t { none, data, sequence, value };

/// A message's sections, in place.
struct MessageView {
    Value delivery_annotations;  ///< A map, or null.
    Value message_annotations;   ///< The same.
    Properties properties;
    Value application_properties;  ///< A map, or null.
    BodyKind body_kind = BodyKind::none;
    Bytes body;  ///< Its sections as they are encoded, one after another.

    /// The text or bytes of the body: data sections joined, or a value that is text or binary. Empty for
    /// others.
    std::string content() const;
    /// The value of a body that is one value; null for others.
    Value body_value() const;
};

/// Fails with `malformed_packet`: sections out of their order, of the wrong type, twice, or unknown. Looks at
/// each byte a bounded number of times and allocates nothing. A message without body is accepted:
/// azure-uamqp-c sends such.
Result<MessageView> decode_message(Bytes bytes);

/// Gives the messages of a batch one after another.
class BatchReader {
public:
    /// `batch` outlives it.
    explicit BatchReader(const MessageView& batch);
    /// The next message; nothing behind the last. Fails with `malformed_packet`.
    Result<std::optional<MessageView>> next();

private:
    Reader in_;
};

// --- encoding --------------------------------------------------------------------------------------

/// Appends the properties section; nothing if all are absent. Content type and encoding are sent as symbols,
/// which are ASCII: others, which other protocols take, are left out. Ids are sent as they are encoded.
void append_properties(std::string& out, const Properties& properties);
void append_data(std::string& out, Bytes data);
/// Begins the section of a body that is one value, which the caller appends.
void append_value_section(std::string& out);

/// `encoded` as a value, to be given as an id.
inline Value encoded_value(Bytes encoded) {
    return Reader(encoded).value();
}

}  // namespace carillon::amqp
