#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace carillon::amqp {

/// Kinds of frame. AMQP 1.0 §2.3.1.
constexpr std::uint8_t amqp_frame = 0;
constexpr std::uint8_t sasl_frame = 1;

/// The smallest `max-frame-size` there is. AMQP 1.0 §2.3.
constexpr std::uint32_t frame_bytes_min = 512;
constexpr std::size_t frame_header_bytes = 8;

/// A frame in place.
struct Frame {
    std::uint8_t type = amqp_frame;
    std::uint16_t channel = 0;
    Bytes body;  ///< A performative and what follows it; empty in a heartbeat.
};

/// Cuts a stream of bytes into frames. A frame that lies whole in the input is viewed there; only one that is
/// cut off is copied, until its rest arrives. Between frames it owns no memory, and what it owns never
/// exceeds twice what the peer has sent of one frame.
class Framer {
public:
    explicit Framer(std::uint32_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

    /// Takes the next frame off the front of `input`; nothing if it is not complete, and then all of `input`
    /// has been taken. The frame is valid until the next call and while the input is. Fails, from the header
    /// alone, with `message_too_large` if the frame is over the limit, and with `malformed_packet` if its
    /// size or data offset cannot be. AMQP 1.0 §2.3.1
    Result<std::optional<Frame>> next(Bytes& input);

    /// Bytes of a frame that is not complete yet.
    std::size_t pending() const { return is_delivered_ ? 0 : partial_.size(); }

private:
    Result<std::optional<Frame>> next_of_partial(Bytes& input);

    std::uint32_t frame_bytes_max_;
    std::vector<std::uint8_t> partial_;  ///< Bound: ConnectionLimits::frame_bytes_max.
    bool is_delivered_ = false;          ///< `partial_` holds the frame returned last.
};

}  // namespace carillon::amqp
