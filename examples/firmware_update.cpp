// A firmware update of a small fleet: a method starts it on each device, which answers at once and then
// reports its progress; a job calls the method on all devices of a query; another query finds out when the
// last one is done. Devices and back end are in this program.
//
//   export OFFICE_CONNECTION_STRING="$(carillon connection-string)"  CARILLON_CA=carillon-data/ca.pem
//   firmware_update 2.1.0 "$(carillon device create -d pump-1 --connection-string)" …      # one or more
#include <carillon/device_client.hpp>
#include <carillon/event_loop.hpp>
#include <carillon/json.hpp>
#include <carillon/service_client.hpp>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <string>
#include <thread>

using namespace carillon;
using std::chrono_literals::operator""ms;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// --- the device ------------------------------------------------------------------------------------

// Each step is reported when the one before is stored, so that nobody sees them out of order.
Coroutine go_through(DeviceClient& device, std::string version) {
    for (const char* const step : {"downloading", "verifying", "applying", "done"}) {
        std::string patch;
        JsonWriter json(patch);
        json.begin_object().key("firmware").begin_object().member("status", step);
        if (step == std::string_view("done")) json.member("version", version);
        json.end_object().end_object();
        std::cout << device.device_id() << ": " << step << std::endl;
        const auto reported = co_await device.report(patch, awaiting);
        if (!reported) {
            std::cerr << device.device_id() << ": " << reported.error().detail << std::endl;
            co_return;
        }
    }
}

MethodResponse update(DeviceClient& device, const MethodRequest& request) {
    const auto payload = JsonDocument::parse(request.payload_json);
    const std::string version(payload->root().find("version").string());
    if (version.empty()) return {.status = 400, .payload_json = R"("which version?")"};
    go_through(device, version);
    return {.status = 202, .payload_json = R"("begun")"};
}

// --- the back end ----------------------------------------------------------------------------------

// Ends when the version has arrived everywhere.
int roll_out(ServiceClient& hub, const std::string& version, std::int64_t devices) {
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    const std::string job = "firmware-" + std::to_string(now);
    const JobPlan plan{.condition = "tags.kind = 'pump'"};
    const std::string payload = R"({"version":")" + version + R"("})";
    auto status = hub.schedule_method_job(job, plan, {.name = "updateFirmware", .payload_json = payload});
    while (status && !status->has_ended()) {
        std::this_thread::sleep_for(200ms);
        status = hub.job_status(job);
    }
    if (!status || status->succeeded != devices) {
        std::cerr << "office: " << (status ? status->json : status.error().detail) << std::endl;
        return 1;
    }
    std::cout << "office: " << devices << " devices have begun" << std::endl;
    const std::string done =
        "SELECT deviceId FROM devices WHERE properties.reported.firmware.version = '" + version + "'";
    for (std::int64_t found = 0; found < devices;) {
        std::this_thread::sleep_for(200ms);
        found = 0;
        if (!hub.query_all(done, [&found](const std::string&) { return ++found > 0; })) return 1;
    }
    std::cout << "office: all " << devices << " run " << version << std::endl;
    return 0;
}

// Connects the devices, all on one loop, and gives each the tag that the job looks for.
bool bring_up(ServiceClient& hub, EventLoop& loop, int count, char** strings, std::deque<DeviceClient>& all) {
    for (int i = 0; i < count; ++i) {
        DeviceOptions options;
        options.connection_string = strings[i];
        options.ca_file = environment("CARILLON_CA");
        options.loop = &loop;
        auto opened = DeviceClient::open(options);
        if (!opened) return false;
        DeviceClient& device = all.emplace_back(*std::move(opened));
        device.on_method("updateFirmware",
                         [&device](const MethodRequest& request) { return update(device, request); });
        const auto target = IdentityKey::parse(device.device_id());
        if (!device.connected().get()) return false;
        if (!hub.update_twin(*target, R"({"tags":{"kind":"pump"}})")) return false;
    }
    return true;
}

int main(int count, char** arguments) {
    ServiceOptions options;
    options.connection_string = environment("OFFICE_CONNECTION_STRING");
    options.ca_file = environment("CARILLON_CA");
    auto hub = ServiceClient::open(options);
    auto loop = EventLoop::open();
    if (count < 3 || !hub || !loop) {
        std::cerr << "usage: firmware_update VERSION CONNECTION_STRING…" << std::endl;
        return 2;
    }
    std::thread runner([&loop] { loop->run(); });
    int outcome = 1;
    {  // The loop outlives the devices.
        std::deque<DeviceClient> devices;
        const bool is_up = bring_up(*hub, *loop, count - 2, arguments + 2, devices);
        if (is_up) outcome = roll_out(*hub, arguments[1], count - 2);
    }
    loop->stop();
    runner.join();
    return outcome;
}
