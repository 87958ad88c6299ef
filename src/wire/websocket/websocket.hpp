#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::websocket {

struct WebSocketLimits {
    /// Payload of one frame; announced by its header, so a longer one is refused before it comes.
    /// Ours: MQTT packets end at 320 KB, and frames need not be longer than a few of them.
    static constexpr std::uint64_t frame_bytes_max = 1024 * 1024;
    static constexpr std::size_t control_bytes_max = 125;  ///< RFC 6455 §5.5.
};

/// Why a connection is closed, as told to the peer. Source: RFC 6455 §7.4.1.
enum class CloseCode : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    too_big = 1009,
};

/// The answer to `Sec-WebSocket-Key`. Source: RFC 6455 §4.2.2.
std::string accept_key(std::string_view key);
/// True if `key` is base64 of 16 bytes, as it must be.
bool is_key(std::string_view key);

/// Appends the header of an unmasked, final binary frame for `payload_bytes` of payload.
void append_binary_header(std::string& out, std::size_t payload_bytes);
/// Appends a final binary frame under `mask`, as a client sends it: four bytes that nobody can foresee.
/// Source: RFC 6455 §5.3.
void append_masked_binary(std::string& out, Bytes payload, const std::array<std::uint8_t, 4>& mask);
void append_masked_pong(std::string& out, Bytes payload, const std::array<std::uint8_t, 4>& mask);
void append_pong(std::string& out, Bytes payload);
void append_close(std::string& out, CloseCode code);

/// Whose frames are read. A client's are masked, a server's never. Source: RFC 6455 §5.1.
enum class Sender : std::uint8_t { client, server };

/// Something a peer's bytes say. `data` views the decoder's memory until the next call.
struct Event {
    enum class Kind : std::uint8_t { data, ping, close };
    Kind kind = Kind::data;
    Bytes data;  ///< Payload, unmasked: of `data` a piece of it, of `ping` all.
};

/// Reads a peer's frames and gives the payload of binary messages as a stream, whatever the frames:
/// MQTT and AMQP pay no heed to their bounds. An idle decoder owns no memory.
/// Source: RFC 6455 §5; MQTT 3.1.1 §6.
class Decoder {
public:
    explicit Decoder(Sender sender = Sender::client) : sender_(sender) {}

    /// The next event in `input`, off whose front it is taken; nothing if more input is needed.
    /// Fails with `malformed_packet` (a frame without mask or with one that must not be, of text, reserved,
    /// in pieces that do not belong, with a length spelled too long) or `message_too_large`; `close_code`
    /// then says what to tell the peer.
    Result<std::optional<Event>> next(Bytes& input);

    CloseCode close_code() const { return close_code_; }

private:
    std::size_t mask_bytes() const { return sender_ == Sender::client ? 4 : 0; }
    std::size_t header_bytes(std::uint8_t second) const;
    Result<bool> read_header(Bytes& input);
    tl::unexpected<Error> refuse(CloseCode code, const char* why);
    void unmask(Bytes masked);

    /// A header, or a control frame's payload, that is not complete; or what was given.
    /// Bound: WebSocketLimits::control_bytes_max.
    std::string buffer_;
    std::uint64_t left_ = 0;  ///< Payload of the current frame still to come.
    std::uint32_t mask_offset_ = 0;
    std::uint8_t mask_[4] = {};
    std::uint8_t opcode_ = 0;
    Sender sender_;
    bool in_frame_ = false;
    bool in_message_ = false;  ///< A binary message has begun and its final frame has not.
    bool is_given_ = false;    ///< `buffer_` holds what was returned last.
    CloseCode close_code_ = CloseCode::protocol_error;
};

}  // namespace carillon::websocket
