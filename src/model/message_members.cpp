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

}  // namespace carillon
