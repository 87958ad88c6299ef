#include "endpoint/amqp/value_text.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <bit>

namespace carillon::amqp {

namespace {

std::string uuid_text(Bytes uuid) {
    const std::string hex = hex_encode(as_text(uuid));
    return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) +
           "-" + hex.substr(20);
}

std::uint64_t big_endian(Bytes bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8 | byte;
    return value;
}

}  // namespace

std::string iso_text(std::int64_t unix_ms) {
    return to_iso8601(WallTime::from_unix_ms(unix_ms));
}

std::optional<std::string> value_text(const Value& value) {
    if (const auto text = value.as_text()) return std::string(*text);
    if (const auto flag = value.as_bool()) return *flag ? "true" : "false";
    if (const auto number = value.as_u64()) return std::to_string(*number);
    if (const auto number = value.as_i64()) return std::to_string(*number);
    if (const auto time = value.as_timestamp()) return iso_text(*time);
    if (const auto uuid = value.as_uuid()) return uuid_text(*uuid);
    if (const auto bytes = value.as_binary()) {
        return is_utf8(as_text(*bytes)) ? std::string(as_text(*bytes)) : base64_encode(as_text(*bytes));
    }
    if (value.type == Type::float_number && value.body.size() == 4) {
        return fmt::format("{}", std::bit_cast<float>(static_cast<std::uint32_t>(big_endian(value.body))));
    }
    if (value.type == Type::double_number && value.body.size() == 8) {
        return fmt::format("{}", std::bit_cast<double>(big_endian(value.body)));
    }
    return std::nullopt;
}

}  // namespace carillon::amqp
