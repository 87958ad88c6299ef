// Configuration by twin: the back end says what it wants in the desired properties, the device does it and
// says so in the reported ones, and the back end waits until both agree. Both ends are in this program.
//
//   export DOOR_CONNECTION_STRING=…  OFFICE_CONNECTION_STRING=…  CARILLON_CA=…  # as in the other examples
//   twin_config 15
#include <carillon/device_client.hpp>
#include <carillon/json.hpp>
#include <carillon/service_client.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

using namespace carillon;
using namespace std::chrono_literals;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// --- the device ------------------------------------------------------------------------------------

// Takes the interval it is told, if it makes sense, and reports what became of it: the version tells the
// back end which of its wishes this is about.
void configure(DeviceClient& device, const DesiredProperties& desired) {
    const auto document = JsonDocument::parse(desired.json);
    const auto interval = document->root().find("telemetry").find("intervalSeconds").integer();
    if (!interval) return;
    const bool is_sensible = *interval >= 1 && *interval <= 3600;
    std::cout << "device: told to send every " << *interval << " s (version " << desired.version << ")"
              << std::endl;

    std::string patch;
    JsonWriter json(patch);
    json.begin_object().key("telemetry").begin_object();
    if (is_sensible) json.member("intervalSeconds", *interval);
    json.member("status", is_sensible ? "applied" : "refused").member("desiredVersion", desired.version);
    json.end_object().end_object();
    device.report(patch, [](const Result<std::int64_t>& version) {
        if (!version) std::cerr << "device: cannot report: " << version.error().detail << std::endl;
    });
}

// --- the back end ----------------------------------------------------------------------------------

// Asks for an interval, and looks until the device has answered to just this wish.
int ask_for(ServiceClient& hub, const IdentityKey& device, const std::string& interval) {
    const auto told = hub.update_twin(
        device, R"({"properties":{"desired":{"telemetry":{"intervalSeconds":)" + interval + "}}}}");
    if (!told) {
        std::cerr << "office: the hub refuses: " << told.error().detail << std::endl;
        return 1;
    }
    const auto wish = JsonDocument::parse(*told);
    const auto version = wish->root().find("properties").find("desired").find("$version").integer();
    std::cout << "office: wishes " << interval << " s (version " << version.value_or(0) << ")" << std::endl;
    for (;; std::this_thread::sleep_for(200ms)) {
        const auto twin = hub.find_twin(device);
        if (!twin) {
            std::cerr << "office: no twin: " << twin.error().detail << std::endl;
            return 1;
        }
        const auto document = JsonDocument::parse(*twin);
        const JsonValue reported = document->root().find("properties").find("reported").find("telemetry");
        if (reported.find("desiredVersion").integer() < version) continue;
        std::cout << "office: the device says: " << reported.raw() << std::endl;
        return reported.find("status").string() == "applied" ? 0 : 1;
    }
}

int main(int count, char** arguments) {
    if (count != 2) {
        std::cerr << "usage: twin_config SECONDS" << std::endl;
        return 2;
    }
    DeviceOptions device_options;
    device_options.connection_string = environment("DOOR_CONNECTION_STRING");
    device_options.ca_file = environment("CARILLON_CA");
    auto device = DeviceClient::open(device_options);
    ServiceOptions service_options;
    service_options.connection_string = environment("OFFICE_CONNECTION_STRING");
    service_options.ca_file = environment("CARILLON_CA");
    auto hub = ServiceClient::open(service_options);
    if (!device || !hub) {
        std::cerr << (device ? hub.error().detail : device.error().detail) << std::endl;
        return 1;
    }
    device->on_desired([&device](const DesiredProperties& desired) { configure(*device, desired); });
    if (const auto connected = device->connected().get(); !connected) {
        std::cerr << "device: cannot connect: " << connected.error().detail << std::endl;
        return 1;
    }
    const auto target = IdentityKey::parse(device->device_id());
    const int outcome = ask_for(*hub, *target, arguments[1]);
    device->close().wait();
    return outcome;
}
