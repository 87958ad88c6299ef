#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::amqp {

/// Limits on what a peer encodes. Ours: no client's frame comes near them.
struct TypeLimits {
    static constexpr unsigned nesting_max = 16;  ///< Compounds, arrays and descriptors within each other.
    /// Elements of an array whose elements take no bytes: the only count that no bytes stand behind.
    static constexpr std::uint32_t empty_elements_max = 1024;
};

/// The types of AMQP 1.0 §1.6, whatever their encoding.
enum class Type : std::uint8_t {
    null,
    boolean,
    ubyte,
    ushort,
    uint,
    ulong,
    byte,
    short_int,
    int_number,
    long_int,
    float_number,
    double_number,
    decimal,  ///< Of 32, 64 or 128 bits.
    character,
    timestamp,
    uuid,
    binary,
    string,
    symbol,
    list,
    map,
    array,
    described,
};

/// One encoded value, viewed in place. The default is null.
struct Value {
    Type type = Type::null;
    std::uint8_t code = 0x40;  ///< Its constructor.
    std::uint32_t count = 0;   ///< Of a list's items, of a map's keys and values, of an array's elements.
    /// What follows constructor, size and count. Of an array it begins with its elements' constructor, of a
    /// described value it is the descriptor and the value described.
    Bytes body;
    Bytes encoded;  ///< All of it, to be sent back as it came; empty if absent or within an array.

    bool is_null() const { return type == Type::null; }
    std::optional<bool> as_bool() const;
    /// Of any integer type, unsigned or signed, within the range; nothing for all else.
    std::optional<std::uint64_t> as_u64() const;
    std::optional<std::int64_t> as_i64() const;
    std::optional<std::int64_t> as_timestamp() const;  ///< Milliseconds since 1970.
    /// Of a string or a symbol.
    std::optional<std::string_view> as_text() const;
    std::optional<Bytes> as_binary() const;
    std::optional<Bytes> as_uuid() const;  ///< 16 bytes.
};

/// Reads encoded values one after another. Goes bad at the first that is cut short or of an unknown
/// constructor and stays bad, so one look at `ok()` after the last covers them all; values read after that
/// are null. A described value, as frames and sections of messages are, is checked all the way down as by
/// `is_well_formed`; other compounds are skipped by their size.
class Reader {
public:
    explicit Reader(Bytes bytes) : rest_(bytes) {}
    /// The items of a list, the keys and values of a map, or the descriptor and value of a described value.
    explicit Reader(const Value& compound) : rest_(compound.body) {}

    Value value();
    bool more() const { return ok_ && !rest_.empty(); }
    bool ok() const { return ok_; }
    void fail() { ok_ = false; }
    Bytes rest() const { return rest_; }

private:
    Bytes rest_;
    bool ok_ = true;
};

/// Reads the elements of an array of primitive type. Those of described types give none.
class ArrayReader {
public:
    explicit ArrayReader(const Value& array);
    std::optional<Value> next();

private:
    Bytes rest_;
    std::uint32_t left_ = 0;
    std::uint8_t code_ = 0;
};

/// True if `bytes` are whole values one after another, all the way down: sizes and counts agree with what is
/// there, nesting ends at `nesting_max`, maps have a value for each key, strings are UTF-8, symbols ASCII,
/// booleans are 0 or 1. Takes time in proportion to the bytes and no memory. A count is never believed before
/// its bytes. Source: AMQP 1.0 §1.2, §1.6.
bool is_well_formed(Bytes bytes);

/// Whether a symbol may be of these bytes: symbols are ASCII (AMQP 1.0 §1.6.21). Some are sent on as strings, which
/// would otherwise not be UTF-8.
bool is_ascii(Bytes bytes);

/// A described value taken apart. A descriptor may also be a symbol, such as `amqp:open:list`.
struct Described {
    std::uint64_t code = 0;  ///< 0 for a symbol that is not known here.
    Value value;
};
/// Nothing if `value` is not described.
std::optional<Described> describe(const Value& value);

/// The value of `key` (a symbol or a string) in a map; null if there is none, or if `map` is not a map.
Value find_in_map(const Value& map, std::string_view key);

}  // namespace carillon::amqp
