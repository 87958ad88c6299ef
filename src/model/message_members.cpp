#include "model/message_members.hpp"

namespace carillon {

void write_message_members(StoredWriter& out, const SystemProperties& system,
                           const ApplicationProperties& properties, std::string_view body) {
    out.varint(system.size());
    for (const auto& [name, value] : system) {
        out.text(name);
        out.text(value);
    }
    out.varint(properties.size());
    for (const auto& [name, value] : properties) {
        out.text(name);
        out.u8(value ? 1 : 0);
        if (value) out.text(*value);
    }
    out.text(body);
}

void read_message_members(StoredReader& in, SystemProperties& system, ApplicationProperties& properties,
                          std::string& body) {
    const std::size_t system_count = in.count(2);
    for (std::size_t i = 0; i < system_count && in.ok(); ++i) {
        std::string name(in.text());
        system.emplace_back(std::move(name), in.text());
    }
    const std::size_t property_count = in.count(2);
    for (std::size_t i = 0; i < property_count && in.ok(); ++i) {
        std::string name(in.text());
        std::optional<std::string> value;
        const std::uint8_t has_value = in.u8();
        if (has_value > 1) in.spoil();
        if (has_value == 1) value = in.text();
        properties.emplace_back(std::move(name), std::move(value));
    }
    body = in.text();
}

}  // namespace carillon
