#pragma once

#include "wire/amqp/types.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace carillon::amqp {

/// Reads the fields of a list of well-formed values one after another. A field that is null or behind the
/// list's end is absent. Goes bad at the first field of another type and stays bad, so one look at `ok()`
/// after the last covers all.
class Fields {
public:
    explicit Fields(const Value& list) : in_(list), left_(list.count), ok_(list.type == Type::list) {}

    Value value() {
        if (!ok_ || left_ == 0) return {};
        --left_;
        return in_.value();
    }
    std::optional<bool> find_bool() { return found(&Value::as_bool, Type::boolean); }
    std::optional<std::uint8_t> find_u8() { return number<std::uint8_t>(); }
    std::optional<std::uint16_t> find_u16() { return number<std::uint16_t>(); }
    std::optional<std::uint32_t> find_u32() { return number<std::uint32_t>(); }
    std::optional<std::uint64_t> find_u64() { return number<std::uint64_t>(); }
    std::optional<std::int64_t> find_timestamp() { return found(&Value::as_timestamp, Type::timestamp); }
    std::optional<Bytes> find_binary() { return found(&Value::as_binary, Type::binary); }
    /// A string, or a symbol in its place: clients of 2016 take the one for the other.
    std::optional<std::string_view> find_text() {
        const Value field = value();
        const auto text = field.as_text();
        if (!text && !field.is_null()) ok_ = false;
        return text;
    }
    std::string_view text() { return find_text().value_or(std::string_view()); }

    /// For a mandatory field: goes bad if it is absent.
    template <class T>
    T required(std::optional<T> field) {
        if (!field) ok_ = false;
        return field.value_or(T{});
    }

    bool ok() const { return ok_ && in_.ok(); }
    void fail() { ok_ = false; }

private:
    template <class T>
    std::optional<T> found(std::optional<T> (Value::*as)() const, Type type) {
        const Value field = value();
        if (field.is_null()) return std::nullopt;
        if (field.type != type) ok_ = false;
        return (field.*as)();
    }
    /// Any unsigned type whose value is within the range: the widths are a matter of taste among encoders.
    template <class T>
    std::optional<T> number() {
        const Value field = value();
        if (field.is_null()) return std::nullopt;
        const auto number = field.as_u64();
        if (!number || *number > std::numeric_limits<T>::max()) {
            ok_ = false;
            return std::nullopt;
        }
        return static_cast<T>(*number);
    }

    Reader in_;
    std::uint32_t left_;
    bool ok_;
};

}  // namespace carillon::amqp
