// A door with an electric lock, as a device of the hub: it knows the method lockDoor, follows its
// desired properties and reports what it did.
//
//   export DOOR_CONNECTION_STRING="$(carillon device create --device-id front-door --connection-string)"
//   export CARILLON_CA=carillon-data/ca.pem       # whom to trust; not needed for a hub that all trust
//   sim_device
#include <carillon/device_client.hpp>
#include <carillon/json.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

using namespace carillon;

constexpr std::chrono::seconds bolt_time{2};

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// A direct method. The bolt takes its time, so the answer is given later, on another thread: the
// client's own goes on serving.
void lock_door(const MethodRequest& request, const MethodReply& reply) {
    const auto payload = JsonDocument::parse(request.payload_json);
    const bool is_forced = payload && payload->root().find("force").boolean();
    std::cout << "lockDoor was called (force: " << (is_forced ? "true" : "false") << "); the bolt is moving"
              << std::endl;
    std::thread([reply] {
        std::this_thread::sleep_for(bolt_time);
        std::cout << "locked" << std::endl;
        reply.answer({.status = 200, .payload_json = R"({"locked":true})"}, [](bool has_left) {
            if (!has_left) std::cerr << "the answer did not get out" << std::endl;
        });
    }).detach();
}

// The office says where the door is, by its desired properties; the door reports the same back. They
// come whole at first, and then whenever they change, also if that was while the door was away.
void follow(DeviceClient& door, const DesiredProperties& desired) {
    const auto document = JsonDocument::parse(desired.json);
    const JsonValue building = document->root().find("building");
    const JsonValue floor = document->root().find("floor");
    if (!building.exists()) return;
    std::cout << "the office wants: building " << building.string() << ", floor " << floor.raw() << std::endl;

    std::string patch;
    JsonWriter json(patch);
    json.begin_object().member_raw("building", building.raw()).member_raw("floor", floor.raw()).end_object();
    door.report(patch, [](const Result<std::int64_t>& version) {
        if (version) std::cout << "reported: it is so" << std::endl;
        if (!version) std::cerr << "cannot report: " << version.error().detail << std::endl;
    });
}

void tell(const ConnectionStatus& status) {
    if (status.state == ConnectionState::waiting) std::cout << "away: " << status.detail << std::endl;
}

int main() {
    DeviceOptions options;
    options.connection_string = environment("DOOR_CONNECTION_STRING");
    options.ca_file = environment("CARILLON_CA");
    auto door = DeviceClient::open(options);
    if (!door) {
        std::cerr << "no device: " << door.error().detail << std::endl;
        return 1;
    }

    // The program ends by a signal, which this thread waits for at the end.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    door->on_status(tell);
    door->on_method_later("lockDoor", lock_door);
    door->on_desired([&door](const DesiredProperties& desired) { follow(*door, desired); });

    // From here on the door stays connected, whatever the network does.
    if (const auto connected = door->connected().get(); !connected) {
        std::cerr << "cannot connect: " << connected.error().detail << std::endl;
        return 1;
    }
    std::cout << "connected to the hub, unlocked" << std::endl;

    // A twin that was read says that the subscriptions, which went before it, are in force.
    if (door->get_twin().get()) std::cout << "ready" << std::endl;

    int signal = 0;
    sigwait(&signals, &signal);
    door->close().wait();
}
