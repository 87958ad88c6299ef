#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace carillon::amqp {

// Encoders append a value to `out` in its shortest encoding. None checks its arguments: strings are UTF-8,
// and what is appended in all is below 4 GB. Source: AMQP 1.0 §1.6.

void append_null(std::string& out);
void append_bool(std::string& out, bool value);
void append_ubyte(std::string& out, std::uint8_t value);
void append_ushort(std::string& out, std::uint16_t value);
void append_uint(std::string& out, std::uint32_t value);
void append_ulong(std::string& out, std::uint64_t value);
void append_int(std::string& out, std::int32_t value);
void append_long(std::string& out, std::int64_t value);
void append_timestamp(std::string& out, std::int64_t unix_ms);
void append_uuid(std::string& out, Bytes uuid);  ///< 16 bytes.
void append_binary(std::string& out, Bytes bytes);
void append_string(std::string& out, std::string_view text);
void append_symbol(std::string& out, std::string_view text);
/// An array of symbols of at most 255 bytes each.
void append_symbol_array(std::string& out, std::span<const std::string_view> symbols);
/// What makes the value that follows a described one.
void append_descriptor(std::string& out, std::uint64_t code);

/// Appends a list: each call one item; the end of its life completes it. Null items at its end are left away,
/// as all that is read here may be (AMQP 1.0 §1.4). What is nested is finished before the next item.
class ListWriter {
public:
    /// A list; if `code` is not 0, described by it.
    explicit ListWriter(std::string& out, std::uint64_t code = 0);
    ~ListWriter();
    ListWriter(const ListWriter&) = delete;
    ListWriter& operator=(const ListWriter&) = delete;

    void null();
    void boolean(bool value);
    void ubyte(std::uint8_t value);
    void ushort(std::uint16_t value);
    void uint(std::uint32_t value);
    void ulong(std::uint64_t value);
    void timestamp(std::int64_t unix_ms);
    void binary(Bytes bytes);
    void string(std::string_view text);
    void symbol(std::string_view text);
    /// An item that is encoded already; null if it is empty.
    void encoded(Bytes value);
    /// Appends one item by `append(out)`, which must append exactly one value.
    template <class Append>
    void item(Append append) {
        append(out_);
        added();
    }

private:
    void added();

    std::string& out_;
    std::size_t begin_;
    std::uint32_t count_ = 0;
    std::uint32_t count_kept_ = 0;  ///< Up to the last item that is not null.
    std::size_t end_kept_ = 0;
};

/// Appends a map: each call a key, then the caller appends its value to the string it gets. The end of its
/// life completes it.
class MapWriter {
public:
    /// A map; if `code` is not 0, described by it.
    explicit MapWriter(std::string& out, std::uint64_t code = 0);
    ~MapWriter();
    MapWriter(const MapWriter&) = delete;
    MapWriter& operator=(const MapWriter&) = delete;

    std::string& symbol_key(std::string_view key);
    std::string& string_key(std::string_view key);

private:
    std::string& out_;
    std::size_t begin_;
    std::uint32_t count_ = 0;
};

}  // namespace carillon::amqp
