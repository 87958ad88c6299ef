#include "model/cloud_message.hpp"

#include "base/text.hpp"
#include "model/message_members.hpp"

#include <algorithm>

namespace carillon {
namespace {

constexpr std::uint8_t cloud_message_format = 1;
constexpr std::uint8_t queued_format = 1;
constexpr std::uint8_t feedback_format = 1;
constexpr std::uint8_t expiry_flag = 1;
constexpr std::uint8_t ack_flag = 2;

constexpr std::array<std::string_view, 4> ack_texts = {"none", "positive", "negative", "full"};
constexpr std::array<std::string_view, 5> outcome_texts = {"Success", "Expired", "DeliveryCountExceeded",
                                                           "Rejected", "Purged"};

/// Where the byte that a GUID's text shows at each place lies: .NET writes its first three groups least byte
/// first. Source: azure-iot-sdk-csharp: `new Guid(deliveryTag)`.
constexpr std::array<std::size_t, 16> guid_places = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr std::size_t guid_text_bytes = 36;
constexpr bool is_dash(std::size_t at) {
    return at == 8 || at == 13 || at == 18 || at == 23;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::string_view ack_text(Ack ack) {
    return ack_texts[static_cast<std::size_t>(ack)];
}

std::optional<Ack> parse_ack(std::string_view text) {
    for (std::size_t i = 0; i < ack_texts.size(); ++i) {
        if (equals_ignoring_case(text, ack_texts[i])) return static_cast<Ack>(i);
    }
    return std::nullopt;
}

std::string_view outcome_text(MessageOutcome outcome) {
    return outcome_texts[static_cast<std::size_t>(outcome)];
}

bool is_asked_for(Ack ack, MessageOutcome outcome) {
    const auto asked = static_cast<unsigned>(ack);
    const auto kind =
        static_cast<unsigned>(outcome == MessageOutcome::success ? Ack::positive : Ack::negative);
    return (asked & kind) != 0;
}

std::string_view CloudMessage::find_system(std::string_view name) const {
    for (const auto& [key, value] : system) {
        if (key == name) return value;
    }
    return {};
}

std::string_view CloudMessage::input() const {
    return find_system(input_property);
}

std::size_t CloudMessage::bytes() const {
    std::size_t sum = body.size();
    for (const auto& [name, value] : system) sum += name.size() + value.size();
    for (const auto& [name, value] : properties) sum += name.size() + (value ? value->size() : 0);
    return sum;
}

namespace {

/// What a text takes in a topic, with the sign before it.
std::size_t topic_bytes(std::string_view text) {
    return percent_encode(text).size() + 1;
}

std::size_t topic_bytes(const CloudMessage& message) {
    std::size_t sum = 0;
    for (const auto& [name, value] : message.system) sum += topic_bytes(name) + topic_bytes(value);
    for (const auto& [name, value] : message.properties) {
        sum += topic_bytes(name) + (value ? topic_bytes(*value) : 0);
    }
    return sum;
}

/// Letters, digits and signs that mean nothing in a topic or a URI. RFC 3986 §2.3
bool is_input_name(std::string_view text) {
    return text.size() <= CloudMessageLimits::input_bytes_max && percent_encode(text) == text;
}

}  // namespace

Result<> check_cloud_message(const CloudMessage& message, WallTime now) {
    if (message.bytes() > CloudMessageLimits::bytes_max) {
        return fail(Errc::message_too_large,
                    "A cloud-to-device message is at most 64 KB with its properties.");
    }
    if (topic_bytes(message) > CloudMessageLimits::topic_bytes_max) {
        return fail(Errc::message_too_large, "The properties of the message do not fit an MQTT topic.");
    }
    for (const std::string_view name : {"message-id", "correlation-id"}) {
        if (message.find_system(name).size() <= CloudMessageLimits::message_id_bytes_max) continue;
        return fail(Errc::argument_invalid, std::string(name) + " may have 128 characters.");
    }
    if (!is_input_name(message.input())) {
        return fail(Errc::argument_invalid,
                    "An input's name takes up to 128 letters, digits, dots, dashes and underscores.");
    }
    if (!message.expiry) return {};
    if (*message.expiry <= now || *message.expiry > now.plus_s(CloudMessageLimits::time_to_live_max_s)) {
        return fail(Errc::invalid_message_expiry_time,
                    "The expiry time must be in the future and at most 2 days ahead.");
    }
    return {};
}

std::string lock_token_text(const LockToken& token) {
    std::string bytes;
    for (const std::size_t place : guid_places) bytes += static_cast<char>(token[place]);
    std::string text = hex_encode(bytes);
    for (std::size_t at = 0; at < guid_text_bytes; ++at) {
        if (is_dash(at)) text.insert(at, 1, '-');
    }
    return text;
}

std::optional<LockToken> parse_lock_token(std::string_view text) {
    if (text.size() != guid_text_bytes) return std::nullopt;
    LockToken token{};
    std::size_t digits = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (is_dash(at)) {
            if (text[at] != '-') return std::nullopt;
            continue;
        }
        const int digit = hex_digit(text[at]);
        if (digit < 0) return std::nullopt;
        std::uint8_t& byte = token[guid_places[digits / 2]];
        byte = static_cast<std::uint8_t>(byte << 4 | digit);
        ++digits;
    }
    return token;
}

std::string encode_cloud_message(const CloudMessage& message) {
    std::string bytes;
    bytes.reserve(message.body.size() + 256);
    StoredWriter out(bytes);
    out.u8(cloud_message_format);
    out.u8(static_cast<std::uint8_t>((message.expiry ? expiry_flag : 0) | (message.ack ? ack_flag : 0)));
    out.i64(message.enqueued.ticks);
    out.i64(message.expires.ticks);
    if (message.expiry) out.i64(message.expiry->ticks);
    if (message.ack) out.u8(static_cast<std::uint8_t>(*message.ack));
    write_message_members(out, message.system, message.properties, message.body);
    return bytes;
}

Result<CloudMessage> decode_cloud_message(Bytes bytes) {
    StoredReader in(bytes);
    CloudMessage message;
    if (in.u8() != cloud_message_format) in.spoil();
    const std::uint8_t flags = in.u8();
    message.enqueued.ticks = in.i64();
    message.expires.ticks = in.i64();
    if ((flags & expiry_flag) != 0) message.expiry = WallTime{in.i64()};
    if ((flags & ack_flag) != 0) {
        const std::uint8_t ack = in.u8();
        if (ack >= ack_texts.size()) in.spoil();
        message.ack = static_cast<Ack>(ack);
    }
    read_message_members(in, message.system, message.properties, message.body);
    if (!in.is_done()) return fail(Errc::store_corrupt, "a stored cloud-to-device message does not decode");
    return message;
}

std::string encode_queued_message(const QueuedMessage& queued) {
    std::string bytes;
    StoredWriter out(bytes);
    out.u8(queued_format);
    out.u8(static_cast<std::uint8_t>(queued.ack));
    out.u8(queued.delivery_count);
    out.i64(queued.expires.ticks);
    out.u32(queued.bytes);
    out.text(queued.message_id);
    return bytes;
}

Result<QueuedMessage> decode_queued_message(Bytes bytes) {
    StoredReader in(bytes);
    QueuedMessage queued;
    if (in.u8() != queued_format) in.spoil();
    const std::uint8_t ack = in.u8();
    if (ack >= ack_texts.size()) in.spoil();
    queued.ack = static_cast<Ack>(ack);
    queued.delivery_count = in.u8();
    queued.expires.ticks = in.i64();
    queued.bytes = in.u32();
    queued.message_id = in.text();
    if (!in.is_done()) return fail(Errc::store_corrupt, "a stored row of a queue does not decode");
    return queued;
}

std::string encode_feedback_record(const FeedbackRecord& record) {
    std::string bytes;
    StoredWriter out(bytes);
    out.u8(feedback_format);
    out.u8(static_cast<std::uint8_t>(record.outcome));
    out.i64(record.time.ticks);
    for (const std::string* text : {&record.original_message_id, &record.device_id, &record.generation_id}) {
        out.text(*text);
    }
    return bytes;
}

Result<FeedbackRecord> decode_feedback_record(Bytes bytes) {
    StoredReader in(bytes);
    FeedbackRecord record;
    if (in.u8() != feedback_format) in.spoil();
    const std::uint8_t outcome = in.u8();
    if (outcome >= outcome_texts.size()) in.spoil();
    record.outcome = static_cast<MessageOutcome>(outcome);
    record.time.ticks = in.i64();
    for (std::string* text : {&record.original_message_id, &record.device_id, &record.generation_id}) {
        *text = in.text();
    }
    if (!in.is_done()) return fail(Errc::store_corrupt, "a stored feedback record does not decode");
    return record;
}

}  // namespace carillon
