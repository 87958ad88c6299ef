// Prints what devices send, and goes on in its next run where it was: the place is kept in a file.
//
//   OFFICE_CONNECTION_STRING=… [CARILLON_CA=ca.pem] read_events PLACE_FILE [NUMBER]
#include <carillon/device_events.hpp>
#include <carillon/printing.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>

using namespace carillon;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

int failed(const Error& error) {
    std::cerr << error << '\n';
    return 1;
}

int main(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: read_events PLACE_FILE [NUMBER]\n";
        return 2;
    }
    const std::string place_file = argv[1];
    unsigned long left = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : std::numeric_limits<unsigned long>::max();

    ServiceOptions hub;
    hub.connection_string = environment("OFFICE_CONNECTION_STRING");
    hub.ca_file = environment("CARILLON_CA");
    EventsQuery query;
    query.from = "earliest";
    std::ifstream(place_file) >> query.after;  // Empty in the first run.
    auto events = DeviceEvents::open(hub, query);
    if (!events) return failed(events.error());

    const auto ended = events->read([&](const DeviceEvent& event) {
        std::cout << event.enqueued << ' ' << event.device_id << ' ' << event.body << std::endl;
        std::ofstream(place_file) << events->place_behind();
        return --left > 0;
    });
    return ended ? 0 : failed(ended.error());
}
