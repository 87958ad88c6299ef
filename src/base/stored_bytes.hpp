#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace carillon {

/// Appends the fields of a stored record. Integers are little-endian; sizes are written as varints
/// (seven bits a byte, least first, the top bit set on all but the last).
class StoredWriter {
public:
    explicit StoredWriter(std::string& out) : out_(out) {}

    void u8(std::uint8_t v) { out_ += static_cast<char>(v); }
    void u32(std::uint32_t v) { fixed(v, 4); }
    void u64(std::uint64_t v) { fixed(v, 8); }
    void i64(std::int64_t v) { fixed(static_cast<std::uint64_t>(v), 8); }
    void varint(std::uint64_t v) {
        for (; v >= 0x80; v >>= 7) u8(static_cast<std::uint8_t>(v | 0x80));
        u8(static_cast<std::uint8_t>(v));
    }
    /// A size and then that many bytes.
    void text(std::string_view v) {
        varint(v.size());
        out_ += v;
    }

private:
    void fixed(std::uint64_t v, int count) {
        for (int i = 0; i < count; ++i) u8(static_cast<std::uint8_t>(v >> (8 * i)));
    }
    std::string& out_;
};

/// Reads what `StoredWriter` wrote. Goes bad at the first short or impossible field and stays bad:
/// it then reads zeros and empty texts, so one check of `ok()` at the end covers all fields.
class StoredReader {
public:
    explicit StoredReader(Bytes bytes) : left_(as_text(bytes)) {}

    bool ok() const { return ok_; }
    bool more() const { return ok_ && !left_.empty(); }
    /// True if everything was read and nothing was wrong.
    bool is_done() const { return ok_ && left_.empty(); }
    void spoil() {
        ok_ = false;
        left_ = {};
    }

    std::uint8_t u8() { return static_cast<std::uint8_t>(fixed(1)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
    std::uint64_t u64() { return fixed(8); }
    std::int64_t i64() { return static_cast<std::int64_t>(fixed(8)); }
    std::uint64_t varint() {
        std::uint64_t v = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const std::uint64_t byte = u8();
            if (shift == 63 && byte > 1) break;
            v |= (byte & 0x7F) << shift;
            if ((byte & 0x80) == 0) return v;
        }
        spoil();
        return 0;
    }
    /// A view into the bytes given to the constructor.
    std::string_view text() {
        const std::uint64_t size = varint();
        if (size > left_.size()) {
            spoil();
            return {};
        }
        const std::string_view v = left_.substr(0, static_cast<std::size_t>(size));
        left_.remove_prefix(v.size());
        return v;
    }
    /// A count of items that take at least `bytes_min` bytes each, so that what is read can be reserved.
    std::size_t count(std::size_t bytes_min = 1) {
        const std::uint64_t n = varint();
        if (n > left_.size() / bytes_min) {
            spoil();
            return 0;
        }
        return static_cast<std::size_t>(n);
    }

private:
    std::uint64_t fixed(std::size_t size) {
        if (left_.size() < size) {
            spoil();
            return 0;
        }
        std::uint64_t v = 0;
        for (std::size_t i = 0; i < size; ++i)
            v |= std::uint64_t{static_cast<unsigned char>(left_[i])} << (8 * i);
        left_.remove_prefix(size);
        return v;
    }
    std::string_view left_;
    bool ok_ = true;
};

}  // namespace carillon
