#include "wire/mqtt/framer.hpp"

#include <algorithm>

namespace carillon::mqtt {

namespace {

constexpr std::size_t length_bytes_max = 4;

/// The fixed header at the front of `bytes`, once there is enough of it.
struct Header {
    std::size_t header_bytes = 0;  ///< 0: more bytes are needed to tell.
    std::size_t body_bytes = 0;

    std::size_t packet_bytes() const { return header_bytes + body_bytes; }
};

Result<Header> read_header(Bytes bytes, std::size_t packet_bytes_max) {
    Header header;
    std::size_t length = 0;
    for (std::size_t i = 1; i < bytes.size(); ++i) {
        if (i > length_bytes_max) return fail(Errc::malformed_packet, "remaining length of five bytes");
        length |= static_cast<std::size_t>(bytes[i] & 0x7F) << (7 * (i - 1));
        // What is known of the length so far only grows.
        if (length > packet_bytes_max) return fail(Errc::message_too_large, "packet over the limit");
        if ((bytes[i] & 0x80) == 0) {
            header.header_bytes = i + 1;
            header.body_bytes = length;
            return header;
        }
    }
    // The fourth length byte is the last there may be; do not wait for a fifth.
    if (bytes.size() > length_bytes_max) {
        return fail(Errc::malformed_packet, "remaining length of five bytes");
    }
    return header;
}

Packet packet_of(Bytes bytes, const Header& header) {
    return {.header = bytes[0], .body = bytes.subspan(header.header_bytes, header.body_bytes)};
}

}  // namespace

Result<std::optional<Packet>> Framer::next(Bytes& input) {
    if (is_delivered_) {
        partial_ = std::vector<std::uint8_t>();  // also gives its memory back
        is_delivered_ = false;
    }
    if (!partial_.empty()) return next_of_partial(input);
    if (input.empty()) return std::optional<Packet>{};
    const auto header = read_header(input, packet_bytes_max_);
    if (!header) return fail(header.error());
    if (header->header_bytes == 0 || header->packet_bytes() > input.size()) {
        partial_.assign(input.begin(), input.end());
        input = {};
        return std::optional<Packet>{};
    }
    const Packet packet = packet_of(input, *header);
    input = input.subspan(header->packet_bytes());
    return std::optional<Packet>{packet};
}

Result<std::optional<Packet>> Framer::next_of_partial(Bytes& input) {
    while (true) {
        const auto header = read_header(partial_, packet_bytes_max_);
        if (!header) return fail(header.error());
        const bool is_known = header->header_bytes != 0;
        if (is_known && header->packet_bytes() == partial_.size()) {
            is_delivered_ = true;
            return std::optional<Packet>{packet_of(partial_, *header)};
        }
        if (input.empty()) return std::optional<Packet>{};
        // While the length is not known it comes byte by byte, so that nothing of the next packet
        // gets in here.
        const std::size_t wanted = is_known ? header->packet_bytes() - partial_.size() : 1;
        const std::size_t taken = std::min(wanted, input.size());
        partial_.insert(partial_.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(taken));
        input = input.subspan(taken);
    }
}

}  // namespace carillon::mqtt
