#pragma once

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "wire/websocket/websocket.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace carillon::websocket {

/// The client's end of one WebSocket that carries a stream of bytes, from the request that asks for it
/// on, without a socket. Source: RFC 6455 §4.1, §5.
///
///     asking --101--> open --close frame, a fault--> closed
class ClientStream {
public:
    /// The answer's head. Ours: a hub's is some 200 bytes.
    static constexpr std::size_t head_bytes_max = 16 * 1024;

    /// `random` gives the key and the masks, and outlives the stream.
    explicit ClientStream(Random& random);

    /// The request that begins it: `target` is path and query, `protocol` the subprotocol.
    std::string request(std::string_view host, std::string_view target, std::string_view protocol) const;

    bool is_open() const { return stage_ == Stage::open; }
    /// Appends `bytes` to `out` as a frame. Only while open.
    void append(std::string& out, Bytes bytes);
    /// Reads what the server sent: gives the stream's bytes to `take`, and appends to `out` what must
    /// be answered at once. Fails with `connection_closed` when the server closes; with
    /// `malformed_packet`, `message_too_large` or the error that an answer of another status names.
    /// `take` may append, but not destroy the stream.
    Result<> receive(Bytes input, std::string& out, const std::function<void(Bytes)>& take);

private:
    enum class Stage : std::uint8_t { asking, open, closed };
    Result<> read_head(Bytes& input);
    Result<> read_frames(Bytes input, std::string& out, const std::function<void(Bytes)>& take);
    std::array<std::uint8_t, 4> new_mask();

    Random& random_;
    std::string key_;   ///< Bound: fixed.
    std::string head_;  ///< Bound: head_bytes_max.
    Decoder decoder_{Sender::server};
    Stage stage_ = Stage::asking;
};

}  // namespace carillon::websocket
