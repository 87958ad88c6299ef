#include "wire/amqp/framer.hpp"

#include <algorithm>

namespace carillon::amqp {

namespace {

std::uint32_t u32_of(Bytes bytes) {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
           std::uint32_t{bytes[3]};
}

/// The size of the frame whose header is at the front of `bytes`, at least 8 of them.
Result<std::size_t> checked_size(Bytes bytes, std::uint32_t frame_bytes_max) {
    constexpr std::size_t bytes_per_offset = 4;
    constexpr std::uint8_t offset_min = 2;
    const std::size_t size = u32_of(bytes);
    const std::uint8_t offset = bytes[4];
    if (size < frame_header_bytes) return fail(Errc::malformed_packet, "frame shorter than its header");
    if (size > frame_bytes_max) return fail(Errc::message_too_large, "frame over the size limit");
    if (offset < offset_min || offset * bytes_per_offset > size) {
        return fail(Errc::malformed_packet, "data offset outside the frame");
    }
    return size;
}

/// `bytes` is all of it, and its header has been checked. An extended header is skipped.
Frame frame_of(Bytes bytes) {
    return {.type = bytes[5],
            .channel = static_cast<std::uint16_t>(bytes[6] << 8 | bytes[7]),
            .body = bytes.subspan(bytes[4] * std::size_t{4})};
}

}  // namespace

Result<std::optional<Frame>> Framer::next(Bytes& input) {
    if (is_delivered_) {
        is_delivered_ = false;
        partial_ = {};
    }
    if (!partial_.empty()) return next_of_partial(input);
    if (input.empty()) return std::nullopt;
    if (input.size() >= frame_header_bytes) {
        const auto size = checked_size(input, frame_bytes_max_);
        if (!size) return fail(size.error());
        if (*size <= input.size()) {
            const Frame frame = frame_of(input.first(*size));
            input = input.subspan(*size);
            return frame;
        }
    }
    partial_.assign(input.begin(), input.end());
    input = {};
    return std::nullopt;
}

Result<std::optional<Frame>> Framer::next_of_partial(Bytes& input) {
    const auto take_up_to = [this, &input](std::size_t total) {
        const std::size_t count = std::min(total - std::min(total, partial_.size()), input.size());
        partial_.insert(partial_.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(count));
        input = input.subspan(count);
        return partial_.size() >= total;
    };
    if (!take_up_to(frame_header_bytes)) return std::nullopt;
    const auto size = checked_size(partial_, frame_bytes_max_);
    if (!size) return fail(size.error());
    if (!take_up_to(*size)) return std::nullopt;
    is_delivered_ = true;
    return frame_of(partial_);
}

}  // namespace carillon::amqp
