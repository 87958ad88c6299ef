#pragma once

#include "base/stored_bytes.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

using SystemProperties = std::vector<std::pair<std::string, std::string>>;
using ApplicationProperties = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// Appends the properties and the body of a stored message of either direction. Format: docs/storage.md.
void write_message_members(StoredWriter& out, const SystemProperties& system,
                           const ApplicationProperties& properties, std::string_view body);

/// Reads what `write_message_members` wrote, and spoils `in` if that is malformed. `Text` is a string, or a
/// view into what is read.
template <class Text>
void read_message_members(StoredReader& in, std::vector<std::pair<Text, Text>>& system,
                          std::vector<std::pair<Text, std::optional<Text>>>& properties, Text& body) {
    const std::size_t system_count = in.count(2);
    for (std::size_t i = 0; i < system_count && in.ok(); ++i) {
        Text name(in.text());
        system.emplace_back(std::move(name), in.text());
    }
    const std::size_t property_count = in.count(2);
    for (std::size_t i = 0; i < property_count && in.ok(); ++i) {
        Text name(in.text());
        std::optional<Text> value;
        const std::uint8_t has_value = in.u8();
        if (has_value > 1) in.spoil();
        if (has_value == 1) value = in.text();
        properties.emplace_back(std::move(name), std::move(value));
    }
    body = in.text();
}

}  // namespace carillon
