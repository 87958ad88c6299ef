#include "carillon/printing.hpp"

#include <ostream>

namespace carillon {

std::ostream& operator<<(std::ostream& out, const Error& error) {
    out << errc_name(error.code);
    if (!error.detail.empty()) out << ": " << error.detail;
    return out;
}

std::string_view to_string(ConnectionState state) {
    switch (state) {
        case ConnectionState::idle:
            return "idle";
        case ConnectionState::connecting:
            return "connecting";
        case ConnectionState::connected:
            return "connected";
        case ConnectionState::waiting:
            return "waiting";
        case ConnectionState::stopped:
            return "stopped";
        case ConnectionState::closed:
            return "closed";
    }
    return "unknown";
}

std::ostream& operator<<(std::ostream& out, ConnectionState state) {
    return out << to_string(state);
}

}  // namespace carillon
