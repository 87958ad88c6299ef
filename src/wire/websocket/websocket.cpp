#include "wire/websocket/websocket.hpp"

#include "base/text.hpp"

#include <openssl/sha.h>
#include <algorithm>

namespace carillon::websocket {

namespace {

constexpr std::string_view key_suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t key_bytes = 16;

constexpr std::uint8_t op_continuation = 0x0;
constexpr std::uint8_t op_binary = 0x2;
constexpr std::uint8_t op_close = 0x8;
constexpr std::uint8_t op_ping = 0x9;
constexpr std::uint8_t op_pong = 0xA;
constexpr std::uint8_t first_control_op = 0x8;

constexpr std::uint8_t final_bit = 0x80;
constexpr std::uint8_t reserved_bits = 0x70;
constexpr std::uint8_t mask_bit = 0x80;

/// The largest piece of payload unmasked at once; each is copied.
constexpr std::size_t piece_bytes_max = 16 * 1024;

void append_header(std::string& out, std::uint8_t opcode, std::uint64_t length, std::uint8_t mask = 0) {
    out.push_back(static_cast<char>(final_bit | opcode));
    int bytes = 0;
    if (length < 126) {
        out.push_back(static_cast<char>(mask | length));
    } else if (length <= 0xFFFF) {
        out.push_back(static_cast<char>(mask | 126));
        bytes = 2;
    } else {
        out.push_back(static_cast<char>(mask | 127));
        bytes = 8;
    }
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(length >> (8 * i) & 0xFF));
}

void append_masked(std::string& out, std::uint8_t opcode, Bytes payload,
                   const std::array<std::uint8_t, 4>& mask) {
    append_header(out, opcode, payload.size(), mask_bit);
    out.append(as_text(mask));
    std::size_t at = out.size();
    out.append(as_text(payload));
    for (std::size_t i = 0; i < payload.size(); ++i, ++at) {
        out[at] = static_cast<char>(payload[i] ^ mask[i % mask.size()]);
    }
}

}  // namespace

std::string accept_key(std::string_view key) {
    const std::string text = std::string(key) + std::string(key_suffix);
    std::uint8_t digest[SHA_DIGEST_LENGTH];
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
    return base64_encode(as_text({digest, sizeof digest}));
}

bool is_key(std::string_view key) {
    const auto decoded = base64_decode(key);
    return decoded && decoded->size() == key_bytes;
}

void append_binary_header(std::string& out, std::size_t payload_bytes) {
    append_header(out, op_binary, payload_bytes);
}

void append_masked_binary(std::string& out, Bytes payload, const std::array<std::uint8_t, 4>& mask) {
    append_masked(out, op_binary, payload, mask);
}

void append_masked_pong(std::string& out, Bytes payload, const std::array<std::uint8_t, 4>& mask) {
    append_masked(out, op_pong, payload, mask);
}

void append_pong(std::string& out, Bytes payload) {
    append_header(out, op_pong, payload.size());
    out.append(as_text(payload));
}

void append_close(std::string& out, CloseCode code) {
    append_header(out, op_close, 2);
    out.push_back(static_cast<char>(static_cast<unsigned>(code) >> 8));
    out.push_back(static_cast<char>(static_cast<unsigned>(code) & 0xFF));
}

tl::unexpected<Error> Decoder::refuse(CloseCode code, const char* why) {
    close_code_ = code;
    return fail(code == CloseCode::too_big ? Errc::message_too_large : Errc::malformed_packet, why);
}

/// How long a header is whose second byte this is, mask included.
std::size_t Decoder::header_bytes(std::uint8_t second) const {
    const unsigned length = second & 0x7FU;
    return 2 + (length == 126 ? 2U : length == 127 ? 8U : 0U) + mask_bytes();
}

/// True once the header is complete and legal.
Result<bool> Decoder::read_header(Bytes& input) {
    std::size_t wanted = buffer_.size() < 2 ? 2 : header_bytes(static_cast<std::uint8_t>(buffer_[1]));
    while (buffer_.size() < wanted) {
        if (input.empty()) return false;
        buffer_.push_back(static_cast<char>(input[0]));
        input = input.subspan(1);
        if (buffer_.size() != 2) continue;
        const Bytes start = as_bytes(buffer_);
        const std::uint8_t opcode = start[0] & 0x0F;
        const bool is_final = (start[0] & final_bit) != 0;
        if ((start[0] & reserved_bits) != 0) return refuse(CloseCode::protocol_error, "reserved bits");
        if (((start[1] & mask_bit) != 0) != (sender_ == Sender::client)) {
            return refuse(CloseCode::protocol_error, "a mask where there must be none, or none");
        }
        if (opcode >= first_control_op) {
            if (opcode > op_pong) return refuse(CloseCode::protocol_error, "unknown control frame");
            if (!is_final || (start[1] & 0x7F) > WebSocketLimits::control_bytes_max) {
                return refuse(CloseCode::protocol_error, "long or fragmented control frame");
            }
        } else if (opcode == op_binary || opcode == op_continuation) {
            if (in_message_ != (opcode == op_continuation)) {
                return refuse(CloseCode::protocol_error, "fragments out of order");
            }
            in_message_ = !is_final;
        } else {
            return refuse(CloseCode::unsupported_data, "a frame that is not binary");  // [MQTT-6.0.0-1]
        }
        opcode_ = opcode;
        wanted = header_bytes(start[1]);
    }
    const Bytes header = as_bytes(buffer_);
    const std::size_t length_bytes = wanted - 2 - mask_bytes();
    left_ = header[1] & 0x7F;
    if (length_bytes > 0) {
        left_ = 0;
        for (std::size_t i = 0; i < length_bytes; ++i) left_ = left_ << 8 | header[2 + i];
        if (left_ < 126 || (length_bytes == 8 && left_ <= 0xFFFF)) {
            return refuse(CloseCode::protocol_error, "a length spelled too long");
        }
    }
    if (left_ > WebSocketLimits::frame_bytes_max) return refuse(CloseCode::too_big, "frame over the limit");
    std::copy(header.end() - static_cast<std::ptrdiff_t>(mask_bytes()), header.end(), mask_);
    mask_offset_ = 0;
    return true;
}

/// Appends `masked` to the buffer, unmasked.
void Decoder::unmask(Bytes masked) {
    for (const std::uint8_t byte : masked) {
        buffer_.push_back(static_cast<char>(byte ^ mask_[mask_offset_++ % 4]));
    }
    left_ -= masked.size();
}

Result<std::optional<Event>> Decoder::next(Bytes& input) {
    if (is_given_) {
        buffer_ = std::string();  // also gives its memory back
        is_given_ = false;
    }
    while (true) {
        if (!in_frame_) {
            const auto is_complete = read_header(input);
            if (!is_complete) return fail(is_complete.error());
            if (!*is_complete) return std::optional<Event>{};
            in_frame_ = true;
            buffer_.clear();
        }
        const bool is_control = opcode_ >= first_control_op;
        const std::size_t available =
            std::min({input.size(), static_cast<std::size_t>(left_), piece_bytes_max});
        unmask(input.first(available));
        input = input.subspan(available);
        in_frame_ = left_ > 0;
        // Control frames are given whole, data as it comes.
        if (in_frame_ && (is_control || available == 0)) {
            if (input.empty()) return std::optional<Event>{};
            continue;
        }
        if (opcode_ == op_pong || (!is_control && buffer_.empty())) {
            buffer_.clear();
            continue;
        }
        is_given_ = true;
        Event event;
        event.kind = !is_control          ? Event::Kind::data
                     : opcode_ == op_ping ? Event::Kind::ping
                                          : Event::Kind::close;
        event.data = as_bytes(buffer_);
        return std::optional<Event>{event};
    }
}

}  // namespace carillon::websocket
