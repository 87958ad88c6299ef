#pragma once

#include "wire/amqp/types.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace carillon::amqp {

/// A simple value as text, as other protocols carry it; nothing for null, and for what has no text.
std::optional<std::string> value_text(const Value& value);

/// A timestamp of AMQP as ISO 8601.
std::string iso_text(std::int64_t unix_ms);

}  // namespace carillon::amqp
