// Many devices of this machine behind one connection to the hub: they speak MQTT with the gateway, as they
// would with the hub, but without TLS and password; the gateway has one AMQP connection for all of them.
//
//   export GATEWAY_CONNECTION_STRING="$(carillon connection-string --policy device)"
//   gateway --ca carillon-data/ca.pem --port 1883
//
// How it works is in docs/gateway.md.

#include "gateway/hub_link.hpp"
#include "gateway/local_server.hpp"

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

using namespace carillon;

namespace {

constexpr int wrong_use = 2;

int complain(std::string_view what) {
    std::cerr
        << "gateway: " << what << "\n"
        << "gateway [--ca FILE] [--listen 127.0.0.1] [--port 1883] [--hub-address HOST] [--hub-port 5671]\n"
        << "with the connection string of a policy that has DeviceConnect in GATEWAY_CONNECTION_STRING\n";
    return wrong_use;
}

bool parse_port(std::string_view text, std::uint16_t& port) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
    return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && port != 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::map<std::string, std::string> flags = {{"--ca", ""},
                                                {"--listen", "127.0.0.1"},
                                                {"--port", "1883"},
                                                {"--hub-address", ""},
                                                {"--hub-port", "5671"}};
    for (int i = 1; i < argc; i += 2) {
        const auto flag = flags.find(argv[i]);
        if (flag == flags.end() || i + 1 == argc) return complain(std::string("what is ") + argv[i] + "?");
        flag->second = argv[i + 1];
    }
    const char* login = std::getenv("GATEWAY_CONNECTION_STRING");
    if (login == nullptr) return complain("GATEWAY_CONNECTION_STRING is not set");
    auto parts = sas::parse_connection_string(login);
    if (!parts || parts->key_name.empty())
        return complain("GATEWAY_CONNECTION_STRING is not that of a policy");
    gateway::HubAddress hub{.login = *parts, .ca_file = flags["--ca"], .address = flags["--hub-address"]};
    std::uint16_t port = 0;
    if (!parse_port(flags["--port"], port) || !parse_port(flags["--hub-port"], hub.port))
        return complain("a port is a number from 1 to 65535");

    auto io = client::ClientIo::open();
    if (!io) return complain(io.error().detail);
    auto link = gateway::HubLink::open(**io, hub);
    if (!link) return complain(link.error().detail);
    auto server = gateway::LocalServer::open((*io)->loop(), **link, flags["--listen"], port);
    if (!server) return complain(server.error().detail);
    std::cout << "listening on " << flags["--listen"] << ':' << port << std::endl;
    (*link)->start();
    (*io)->loop().run();  // Until a signal ends the program: what is not acknowledged, devices send again.
    return 0;
}
