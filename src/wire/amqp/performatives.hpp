#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/amqp/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace carillon::amqp {

// What frames carry, in both directions. Decoded, texts and values point into the frame. Encoded, an empty
// optional is null, and members of type `Value` and `properties` are sent as they were encoded. Source:
// AMQP 1.0 §2.7, §3.4, §3.5, §5.3.

/// Which end of a link one is; its value is the field `role`.
enum class LinkRole : bool { sender = false, receiver = true };

enum class SenderSettleMode : std::uint8_t { unsettled = 0, settled = 1, mixed = 2 };
enum class ReceiverSettleMode : std::uint8_t { first = 0, second = 1 };

/// Why something ended or was refused.
struct Condition {
    std::string_view name;  ///< Such as `amqp:not-found`; empty: no error.
    std::string_view description;
    Bytes info;  ///< An encoded map, or empty.
};

struct Open {
    std::string_view container_id;
    std::string_view hostname;
    std::uint32_t max_frame_size = 0xFFFFFFFF;
    std::uint16_t channel_max = 0xFFFF;
    std::optional<std::uint32_t> idle_timeout_ms;
    Bytes properties;
};

struct Begin {
    std::optional<std::uint16_t> remote_channel;
    std::uint32_t next_outgoing_id = 0;
    std::uint32_t incoming_window = 0;
    std::uint32_t outgoing_window = 0;
    std::uint32_t handle_max = 0xFFFFFFFF;
};

/// A source or a target.
struct Terminus {
    bool is_present = false;
    bool is_coordinator = false;  ///< Of transactions; a target only.
    bool is_dynamic = false;
    std::optional<std::string_view> address;
    Value filter;   ///< Of a source: a map or null.
    Bytes encoded;  ///< If not empty, what is sent in the place of all this.
};

struct Attach {
    std::string_view name;
    std::uint32_t handle = 0;
    LinkRole role = LinkRole::sender;  ///< Of the one who sends this.
    std::optional<SenderSettleMode> sender_mode;
    std::optional<ReceiverSettleMode> receiver_mode;
    Terminus source;
    Terminus target;
    std::optional<std::uint32_t> initial_delivery_count;  ///< A sender's.
    std::optional<std::uint64_t> max_message_size;
    Value desired_capabilities;  ///< A symbol, an array of symbols, or null. Not sent.
    Bytes properties;
};

struct Flow {
    std::optional<std::uint32_t> next_incoming_id;
    std::uint32_t incoming_window = 0;
    std::uint32_t next_outgoing_id = 0;
    std::uint32_t outgoing_window = 0;
    std::optional<std::uint32_t> handle;
    std::optional<std::uint32_t> delivery_count;
    std::optional<std::uint32_t> link_credit;
    std::optional<std::uint32_t> available;
    bool drain = false;
    bool echo = false;
};

/// The outcomes of a delivery; `none`: no state was given, or one that is not of AMQP 1.0.
enum class Outcome : std::uint8_t { none, received, accepted, rejected, released, modified };

struct DeliveryState {
    Outcome outcome = Outcome::none;
    /// Why it was rejected. One that is malformed counts as none: azure-iot-device of 2016 sends such.
    Condition condition;
    bool delivery_failed = false;     ///< Modified.
    bool undeliverable_here = false;  ///< Modified.
};

struct Transfer {
    /// Longest delivery tag. AMQP 1.0 §2.8.7
    static constexpr std::size_t tag_bytes_max = 32;

    std::uint32_t handle = 0;
    std::optional<std::uint32_t> delivery_id;
    std::optional<Bytes> delivery_tag;
    std::optional<std::uint32_t> message_format;
    std::optional<bool> settled;
    bool more = false;
    DeliveryState state;
    bool aborted = false;
    Bytes payload;  ///< Of a decoded one: what follows it in the frame.
};

struct Disposition {
    LinkRole role = LinkRole::receiver;
    std::uint32_t first = 0;
    std::optional<std::uint32_t> last;
    bool settled = false;
    DeliveryState state;
};

struct Detach {
    std::uint32_t handle = 0;
    bool closed = false;
    Condition error;
};

struct End {
    Condition error;
};

struct Close {
    Condition error;
};

using Performative = std::variant<Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close>;

/// Decodes the body of an AMQP frame. Fails with `malformed_packet`, also if a mandatory field is missing or
/// anything follows what is not a transfer.
Result<Performative> decode_performative(Bytes body);

// Each appends a whole frame.

void append_open(std::string& out, const Open& open);
void append_begin(std::string& out, std::uint16_t channel, const Begin& begin);
void append_attach(std::string& out, std::uint16_t channel, const Attach& attach);
void append_flow(std::string& out, std::uint16_t channel, const Flow& flow);
/// Sends as much of `payload` as one frame of `frame_bytes_max` takes, and takes it off the front. `more` is
/// set if anything is left.
void append_transfer(std::string& out, std::uint16_t channel, Transfer transfer, Bytes& payload,
                     std::uint32_t frame_bytes_max);
void append_disposition(std::string& out, std::uint16_t channel, const Disposition& disposition);
void append_detach(std::string& out, std::uint16_t channel, const Detach& detach);
void append_end(std::string& out, std::uint16_t channel, const Condition& error);
void append_close(std::string& out, const Condition& error);
void append_heartbeat(std::string& out);

/// Appends a source or target of which only the address is set, as a value.
void append_address(std::string& out, std::uint64_t code, std::string_view address);

}  // namespace carillon::amqp
