#include "wire/amqp/encode.hpp"

#include <array>
#include <limits>

namespace carillon::amqp {

namespace {

constexpr std::size_t byte_max = 0xFF;
/// A list or map is begun in its long form, and put into the short one at the end if it fits.
constexpr std::size_t long_prefix = 1 + 4 + 4;

void append_code(std::string& out, unsigned code) {
    out.push_back(static_cast<char>(code));
}

void append_big_endian(std::string& out, std::uint64_t value, unsigned bytes) {
    std::array<char, sizeof value> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(value >> (56 - 8 * i) & 0xFF);
    out.append(all.data() + all.size() - bytes, bytes);
}

void put_u32(std::string& out, std::size_t at, std::size_t value) {
    for (unsigned i = 0; i < 4; ++i) out[at + i] = static_cast<char>(value >> (24 - 8 * i) & 0xFF);
}

void append_variable(std::string& out, unsigned code, std::string_view bytes) {
    if (bytes.size() <= byte_max) {
        const std::array<char, 2> prefix{static_cast<char>(code), static_cast<char>(bytes.size())};
        out.append(prefix.data(), prefix.size());
    } else {
        append_code(out, code + 0x10);
        append_big_endian(out, bytes.size(), 4);
    }
    out.append(bytes);
}

/// Begins a list or map of long form; gives where.
std::size_t begin_compound(std::string& out, std::uint64_t descriptor) {
    if (descriptor != 0) append_descriptor(out, descriptor);
    const std::size_t begin = out.size();
    out.append(long_prefix, '\0');
    return begin;
}

void end_compound(std::string& out, std::size_t begin, std::uint32_t count, unsigned short_code) {
    const std::size_t content = out.size() - begin - long_prefix;
    // The size counts the count's own byte.
    if (content + 1 <= byte_max && count <= byte_max) {
        const std::array<char, 3> prefix{static_cast<char>(short_code), static_cast<char>(content + 1),
                                         static_cast<char>(count)};
        out.replace(begin, long_prefix, prefix.data(), prefix.size());
        return;
    }
    out[begin] = static_cast<char>(short_code + 0x10);
    put_u32(out, begin + 1, content + 4);
    put_u32(out, begin + 5, count);
}

}  // namespace

void append_null(std::string& out) {
    append_code(out, 0x40);
}

void append_bool(std::string& out, bool value) {
    append_code(out, value ? 0x41 : 0x42);
}

void append_ubyte(std::string& out, std::uint8_t value) {
    append_code(out, 0x50);
    append_big_endian(out, value, 1);
}

void append_ushort(std::string& out, std::uint16_t value) {
    append_code(out, 0x60);
    append_big_endian(out, value, 2);
}

void append_uint(std::string& out, std::uint32_t value) {
    if (value == 0) return append_code(out, 0x43);
    append_code(out, value <= byte_max ? 0x52 : 0x70);
    append_big_endian(out, value, value <= byte_max ? 1 : 4);
}

void append_ulong(std::string& out, std::uint64_t value) {
    if (value == 0) return append_code(out, 0x44);
    append_code(out, value <= byte_max ? 0x53 : 0x80);
    append_big_endian(out, value, value <= byte_max ? 1 : 8);
}

void append_int(std::string& out, std::int32_t value) {
    const bool is_small =
        value >= std::numeric_limits<std::int8_t>::min() && value <= std::numeric_limits<std::int8_t>::max();
    append_code(out, is_small ? 0x54 : 0x71);
    append_big_endian(out, static_cast<std::uint32_t>(value), is_small ? 1 : 4);
}

void append_long(std::string& out, std::int64_t value) {
    const bool is_small =
        value >= std::numeric_limits<std::int8_t>::min() && value <= std::numeric_limits<std::int8_t>::max();
    append_code(out, is_small ? 0x55 : 0x81);
    append_big_endian(out, static_cast<std::uint64_t>(value), is_small ? 1 : 8);
}

void append_timestamp(std::string& out, std::int64_t unix_ms) {
    append_code(out, 0x83);
    append_big_endian(out, static_cast<std::uint64_t>(unix_ms), 8);
}

void append_uuid(std::string& out, Bytes uuid) {
    append_code(out, 0x98);
    out.append(as_text(uuid));
}

void append_binary(std::string& out, Bytes bytes) {
    append_variable(out, 0xA0, as_text(bytes));
}

void append_string(std::string& out, std::string_view text) {
    append_variable(out, 0xA1, text);
}

void append_symbol(std::string& out, std::string_view text) {
    append_variable(out, 0xA3, text);
}

void append_symbol_array(std::string& out, std::span<const std::string_view> symbols) {
    const std::size_t begin = out.size();
    append_code(out, 0xF0);
    out.append(8, '\0');
    append_code(out, 0xA3);
    for (const std::string_view symbol : symbols) {
        append_big_endian(out, symbol.size(), 1);
        out.append(symbol);
    }
    put_u32(out, begin + 1, out.size() - begin - 5);
    put_u32(out, begin + 5, symbols.size());
}

void append_descriptor(std::string& out, std::uint64_t code) {
    append_code(out, 0x00);
    append_ulong(out, code);
}

ListWriter::ListWriter(std::string& out, std::uint64_t code) : out_(out), begin_(begin_compound(out, code)) {
    end_kept_ = out.size();
}

ListWriter::~ListWriter() {
    out_.resize(end_kept_);
    end_compound(out_, begin_, count_kept_, 0xC0);
}

void ListWriter::added() {
    ++count_;
    count_kept_ = count_;
    end_kept_ = out_.size();
}

void ListWriter::null() {
    append_null(out_);
    ++count_;
}

void ListWriter::boolean(bool value) {
    append_bool(out_, value);
    added();
}

void ListWriter::ubyte(std::uint8_t value) {
    append_ubyte(out_, value);
    added();
}

void ListWriter::ushort(std::uint16_t value) {
    append_ushort(out_, value);
    added();
}

void ListWriter::uint(std::uint32_t value) {
    append_uint(out_, value);
    added();
}

void ListWriter::ulong(std::uint64_t value) {
    append_ulong(out_, value);
    added();
}

void ListWriter::timestamp(std::int64_t unix_ms) {
    append_timestamp(out_, unix_ms);
    added();
}

void ListWriter::binary(Bytes bytes) {
    append_binary(out_, bytes);
    added();
}

void ListWriter::string(std::string_view text) {
    append_string(out_, text);
    added();
}

void ListWriter::symbol(std::string_view text) {
    append_symbol(out_, text);
    added();
}

void ListWriter::encoded(Bytes value) {
    if (value.empty()) return null();
    out_.append(as_text(value));
    added();
}

MapWriter::MapWriter(std::string& out, std::uint64_t code) : out_(out), begin_(begin_compound(out, code)) {}

MapWriter::~MapWriter() {
    end_compound(out_, begin_, count_, 0xC1);
}

std::string& MapWriter::symbol_key(std::string_view key) {
    append_symbol(out_, key);
    count_ += 2;
    return out_;
}

std::string& MapWriter::string_key(std::string_view key) {
    append_string(out_, key);
    count_ += 2;
    return out_;
}

}  // namespace carillon::amqp
