// A device reports its version; a back end then asks for the twins of all devices, many at a time.
//
//   OFFICE_CONNECTION_STRING=… PUMP_CONNECTION_STRING=… [CARILLON_CA=ca.pem] ask_all
#include <carillon/async_service_client.hpp>
#include <carillon/device_client.hpp>
#include <carillon/owned_json.hpp>
#include <carillon/printing.hpp>

#include <cstdlib>
#include <iostream>
#include <vector>

using namespace carillon;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

int failed(const Error& error) {
    std::cerr << error << '\n';
    return 1;
}

int main() {
    DeviceOptions pump;
    pump.connection_string = environment("PUMP_CONNECTION_STRING");
    pump.ca_file = environment("CARILLON_CA");
    auto device = DeviceClient::open(pump);
    if (!device) return failed(device.error());
    device->on_status(
        [](const ConnectionStatus& status) { std::cout << "pump: " << status.state << std::endl; });
    device->connect();
    const auto reported = device->report(R"({"version":"2.1.0"})").get();
    if (!reported) return failed(reported.error());

    ServiceOptions office;
    office.connection_string = environment("OFFICE_CONNECTION_STRING");
    office.ca_file = pump.ca_file;
    auto hub = AsyncServiceClient::open(office);
    if (!hub) return failed(hub.error());
    const auto devices =
        hub->call([](ServiceClient& client) { return client.query("SELECT deviceId FROM devices", 100); })
            .get();
    if (!devices) return failed(devices.error());

    std::vector<std::future<Result<std::string>>>
        twins;  // All are asked for before the first answer is read.
    for (const std::string& row : devices->items) {
        const auto id = DeviceId::parse(OwnedJson::parse(row)->root().find("deviceId").string());
        if (!id) return failed(id.error());
        twins.push_back(
            hub->call([key = IdentityKey(*id)](ServiceClient& client) { return client.find_twin(key); }));
    }
    for (auto& answer : twins) {
        const auto twin = owned_json(answer.get());
        if (!twin) return failed(twin.error());
        const JsonValue version = (*twin)["properties"].find("reported").find("version");
        std::cout << (*twin)["deviceId"].string() << ": "
                  << (version.exists() ? version.string() : "nothing reported") << '\n';
    }
}
