#include "wire/websocket/client_stream.hpp"

#include "base/text.hpp"

namespace carillon::websocket {

namespace {

constexpr std::string_view head_end = "\r\n\r\n";

/// The value of a header field in a head; empty if it is not there.
std::string_view field_of(std::string_view head, std::string_view name) {
    for (std::string_view line : split(head, '\n')) {
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        if (equals_ignoring_case(trimmed(line.substr(0, colon)), name))
            return trimmed(line.substr(colon + 1));
    }
    return {};
}

/// The status of `HTTP/1.1 101 Switching Protocols`; 0 if it is none.
int status_of(std::string_view head) {
    if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) return 0;
    return static_cast<int>(parse_u64(head.substr(9, 3)).value_or(0));
}

}  // namespace

ClientStream::ClientStream(Random& random) : random_(random), key_(random.base64_key(16)) {}

std::string ClientStream::request(std::string_view host, std::string_view target,
                                  std::string_view protocol) const {
    std::string text = "GET ";
    text.append(target).append(" HTTP/1.1\r\nHost: ").append(host);
    text.append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13");
    text.append("\r\nSec-WebSocket-Key: ").append(key_);
    text.append("\r\nSec-WebSocket-Protocol: ").append(protocol).append(head_end);
    return text;
}

std::array<std::uint8_t, 4> ClientStream::new_mask() {
    std::array<std::uint8_t, 4> mask{};
    random_.fill(mask);
    return mask;
}

void ClientStream::append(std::string& out, Bytes bytes) {
    CARILLON_ASSERT(is_open());
    append_masked_binary(out, bytes, new_mask());
}

Result<> ClientStream::receive(Bytes input, std::string& out, const std::function<void(Bytes)>& take) {
    Result<> outcome;
    if (stage_ == Stage::asking) outcome = read_head(input);
    if (outcome && stage_ == Stage::open) outcome = read_frames(input, out, take);
    if (!outcome) stage_ = Stage::closed;
    return outcome;
}

/// Takes the answer's head off the input.
Result<> ClientStream::read_head(Bytes& input) {
    while (!input.empty() && !head_.ends_with(head_end)) {
        head_.push_back(static_cast<char>(input[0]));
        input = input.subspan(1);
        if (head_.size() > head_bytes_max) return fail(Errc::message_too_large, "the answer's head");
    }
    if (!head_.ends_with(head_end)) return {};
    const int status = status_of(head_);
    if (status >= 300) {
        return fail(static_cast<Errc>(status * 1000),
                    "the WebSocket is refused with status " + std::to_string(status));
    }
    if (status != 101 || field_of(head_, "Sec-WebSocket-Accept") != accept_key(key_) ||
        !equals_ignoring_case(field_of(head_, "Upgrade"), "websocket")) {
        return fail(Errc::malformed_packet, "no WebSocket answers");
    }
    head_ = std::string();
    stage_ = Stage::open;
    return {};
}

Result<> ClientStream::read_frames(Bytes input, std::string& out, const std::function<void(Bytes)>& take) {
    for (;;) {
        const auto event = decoder_.next(input);
        if (!event) return fail(event.error());
        if (!*event) return {};
        switch ((*event)->kind) {
            case Event::Kind::data:
                take((*event)->data);
                break;
            case Event::Kind::ping:
                append_masked_pong(out, (*event)->data, new_mask());
                break;
            case Event::Kind::close:
                return fail(Errc::connection_closed, "the hub closed the WebSocket");
        }
    }
}

}  // namespace carillon::websocket
