#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Which outcomes of a message its sender asks to be told of (`iothub-ack`). The numbers are stored.
/// Source: IoT Hub docs, "Send cloud-to-device messages from an IoT hub", message feedback.
enum class Ack : std::uint8_t { none = 0, positive = 1, negative = 2, full = 3 };
std::string_view ack_text(Ack ack);  ///< lower case
/// In any case; nothing if it is none of the four.
std::optional<Ack> parse_ack(std::string_view text);

/// How a message left its queue. The numbers are stored.
enum class MessageOutcome : std::uint8_t {
    success = 0,
    expired = 1,
    delivery_count_exceeded = 2,
    rejected = 3,
    purged = 4,
};
/// The word of feedback records, such as `DeliveryCountExceeded`.
std::string_view outcome_text(MessageOutcome outcome);
bool is_asked_for(Ack ack, MessageOutcome outcome);

/// What a device says of a message it was given.
enum class Settlement : std::uint8_t { complete, abandon, reject };

/// Limits of cloud-to-device messages. Source: IoT Hub docs, "IoT Hub quotas and throttling" and "Send
/// cloud-to-device messages from an IoT hub", configuration options; the defaults of the service.
struct CloudMessageLimits {
    static constexpr std::size_t bytes_max = 64 * 1024;  ///< Body and properties.
    /// Its properties as they are written in a topic, which MQTT 3.1.1 §1.5.3 bounds to 65,535 bytes; the
    /// rest is for ids and names of the service.
    static constexpr std::size_t topic_bytes_max = 64'000;
    static constexpr std::size_t queue_messages_max = 50;     ///< For one device, those it works on included.
    static constexpr std::size_t message_id_bytes_max = 128;  ///< Of the correlation id, too.
    static constexpr std::size_t input_bytes_max = 128;       ///< Ours: of the name of a module's input.
    static constexpr std::int64_t time_to_live_s = 3600;      ///< If the sender names no end.
    static constexpr std::int64_t time_to_live_max_s = 2 * 24 * 3600;
    static constexpr std::uint8_t delivery_count_max = 10;
    static constexpr std::chrono::seconds lock_time{60};
    static constexpr std::chrono::seconds lock_time_min{5};
    static constexpr std::chrono::seconds lock_time_max{300};
};

/// A cloud-to-device message. Source: IoT Hub docs, "Create and read IoT Hub messages".
struct CloudMessage {
    std::uint64_t sequence = 0;  ///< Rises in each queue; given by it, as are the two times.
    WallTime enqueued;
    WallTime expires;                ///< When it leaves the queue unless it is settled before.
    std::optional<WallTime> expiry;  ///< What the sender said of that (`absolute-expiry-time`).
    std::optional<Ack> ack;          ///< Nothing, which means none, if the sender did not say.
    /// Other system properties by the name they carry over AMQP (`message-id`, `correlation-id`, `user-id`,
    /// `to`, `content-type`, `content-encoding`, `iothub-operation` …).
    std::vector<std::pair<std::string, std::string>> system;
    /// Application properties in the order they were sent.
    std::vector<std::pair<std::string, std::optional<std::string>>> properties;
    std::string body;

    /// The value of a system property; empty if there is none.
    std::string_view find_system(std::string_view name) const;
    /// The module's input that it is for (`input_property`); empty for the device or module itself.
    std::string_view input() const;
    std::size_t bytes() const;  ///< Of body and properties, for the limit.

    /// The system property that says so. Ours: in the service IoT Edge alone sends to inputs.
    static constexpr std::string_view input_property = "iothub-inputname";
};

/// Whether a message as its sender made it may be queued at `now`. Fails with `message_too_large`,
/// `argument_invalid` (also for an input whose name cannot be a level of an MQTT topic as it is),
/// `invalid_message_expiry_time`.
Result<> check_cloud_message(const CloudMessage& message, WallTime now);

/// Names one delivery of a message, for as long as it is locked by that. Over AMQP the delivery tag, over
/// HTTPS the text of a GUID. Not to be guessed.
using LockToken = std::array<std::uint8_t, 16>;
/// As a GUID whose bytes are laid out as .NET does, so that both protocols name the same.
std::string lock_token_text(const LockToken& token);
/// Nothing if `text` is not a GUID. Hex digits of either case.
std::optional<LockToken> parse_lock_token(std::string_view text);

/// A message that is handed to its device.
struct CloudDelivery {
    const CloudMessage& message;
    LockToken lock{};
    std::uint8_t delivery_count = 0;  ///< How often it was given before and came back.
    bool may_be_repeated = false;     ///< The device may have seen it.
};

/// The stored form of a message, and back. `decode_cloud_message` fails with `store_corrupt`.
/// Format: docs/storage.md.
std::string encode_cloud_message(const CloudMessage& message);
Result<CloudMessage> decode_cloud_message(Bytes bytes);

/// What is kept of a message beside itself: all that its queue has to know of it.
struct QueuedMessage {
    WallTime expires;
    std::uint32_t bytes = 0;  ///< Of its stored form.
    Ack ack = Ack::none;
    std::uint8_t delivery_count = 0;
    std::string message_id;  ///< Only if its sender asks for feedback.
};
std::string encode_queued_message(const QueuedMessage& queued);
Result<QueuedMessage> decode_queued_message(Bytes bytes);

/// One outcome, to be told to back ends. Source: IoT Hub docs, "Send cloud-to-device messages from an IoT
/// hub", message feedback.
struct FeedbackRecord {
    std::string original_message_id;
    std::string device_id;
    std::string generation_id;
    WallTime time;  ///< When it came to that (`enqueuedTimeUtc`).
    MessageOutcome outcome = MessageOutcome::success;
};
std::string encode_feedback_record(const FeedbackRecord& record);
Result<FeedbackRecord> decode_feedback_record(Bytes bytes);

}  // namespace carillon
