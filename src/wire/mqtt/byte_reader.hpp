#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <string_view>

namespace carillon::mqtt {

/// Reads the fields of a packet one after another. Goes bad at the first short or illegal field and
/// stays bad, so one look at `ok()` after the last field covers them all; fields read after that
/// are zero or empty.
class ByteReader {
public:
    explicit ByteReader(Bytes bytes) : rest_(bytes) {}

    std::uint8_t u8() {
        const Bytes byte = take(1);
        return byte.empty() ? std::uint8_t{0} : byte[0];
    }
    std::uint16_t u16() {
        const Bytes two = take(2);
        return two.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(two[0] << 8 | two[1]);
    }
    /// A packet identifier, which is never 0. [MQTT-2.3.1-1]
    std::uint16_t packet_id() {
        const std::uint16_t id = u16();
        if (id == 0) ok_ = false;
        return id;
    }
    /// Length-prefixed bytes.
    Bytes binary() { return take(u16()); }
    /// A length-prefixed string: well-formed UTF-8 without U+0000. MQTT 3.1.1 §1.5.3
    std::string_view text();
    /// Everything left.
    Bytes rest() { return take(rest_.size()); }

    bool more() const { return ok_ && !rest_.empty(); }
    bool ok() const { return ok_; }
    void fail() { ok_ = false; }

private:
    Bytes take(std::size_t count) {
        if (!ok_ || count > rest_.size()) {
            ok_ = false;
            return {};
        }
        const Bytes taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }

    Bytes rest_;
    bool ok_ = true;
};

}  // namespace carillon::mqtt
