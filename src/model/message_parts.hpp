#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// A stored `Message` without copies: all of it views the bytes it was read from. For readers of many.
struct MessageParts {
    std::string_view device_id;
    std::string_view module_id;
    std::string_view generation_id;
    std::string_view auth_method;
    WallTime enqueued;
    std::vector<std::pair<std::string_view, std::string_view>> system;
    std::vector<std::pair<std::string_view, std::optional<std::string_view>>> properties;
    std::string_view body;
};

/// As `decode_message`: reads the same, and fails with `store_corrupt` for the same bytes.
Result<MessageParts> read_message_parts(Bytes bytes);

}  // namespace carillon
