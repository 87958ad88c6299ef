#include "server/process/refused_port.hpp"

#include <cerrno>
#include <cstring>
#include <string_view>

namespace carillon {

Error refused_port(const Error& error, const std::string& address, std::uint16_t port, const char* flag) {
    const bool is_for_sdks =
        std::string_view(flag) != "--admin-port" && std::string_view(flag) != "--link-port";
    std::string detail =
        "cannot listen on " + address + " port " + std::to_string(port) + ": " + error.detail + ".";
    if (error.detail == std::strerror(EACCES)) {
        detail +=
            "\nPorts below 1024 need a right. Any of these gives it:\n"
            "  sudo setcap cap_net_bind_service=+ep \"$(readlink -f \"$(command -v carillon)\")\"\n"
            "  sudo sysctl net.ipv4.ip_unprivileged_port_start=443\n"
            "  a container or a firewall rule that maps the port to a higher one\n"
            "or choose another with " +
            std::string(flag) + (is_for_sdks ? ", which the Azure SDKs cannot be told." : ".");
    } else if (error.detail == std::strerror(EADDRINUSE)) {
        detail +=
            "\nAnother program has this port (`ss -ltnp` shows which). Stop it, choose another port with " +
            std::string(flag) +
            (is_for_sdks ? " (the Azure SDKs know only 443, 8883 and 5671), or another address with --bind."
                         : ".");
    }
    return {error.code, std::move(detail)};
}

}  // namespace carillon
