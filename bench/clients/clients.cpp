// Device clients by the thousand in one process, against a hub: what one costs in memory while it is idle,
// and how much telemetry all of them get stored, each message acknowledged before its device sends the next.
// The baseline in memory are connections of the load tool, which are TLS and little else.
#include "base/json.hpp"
#include "carillon/device_client.hpp"
#include "load/fleet.hpp"
#include "load/measure.hpp"
#include "load/options.hpp"

#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using namespace carillon;
using load::seconds_between;

constexpr const char* usage =
    R"(usage: carillon_clients client|bare --devices N --ca FILE --address A --mqtts-port P --https-port P
       --connection-string S [--seconds T] [--settle S] [--connecting N] [--server-pid PID]
figures go to standard output as one JSON object; the devices are those of `carillon_load register`
)";

/// Waits for a number of things that another thread does.
class Tally {
public:
    void add() {
        const std::lock_guard lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    void wait_for(std::uint64_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return count_ >= count; });
    }

private:
    std::mutex mutex_;  ///< Guards `count_`.
    std::condition_variable changed_;
    std::uint64_t count_ = 0;
};

double per_device(std::uint64_t from, std::uint64_t to, std::uint64_t devices) {
    return (static_cast<double>(to) - static_cast<double>(from)) / static_cast<double>(devices);
}

void add_memory(JsonWriter& out, const load::ProcessUse& before, const load::ProcessUse& after,
                std::uint64_t devices) {
    out.member("devices", devices);
    out.member("resident_bytes_per_device", per_device(before.resident_bytes, after.resident_bytes, devices));
    out.member("user_bytes_per_device", per_device(before.user_bytes, after.user_bytes, devices));
}

/// A device that sends its next message when the one before is stored, until told to stop.
struct Sender {
    DeviceClient client;
    std::atomic<bool>& is_stopped;
    std::atomic<std::uint64_t>& stored;
    std::atomic<std::uint64_t>& lost;
    Tally& quiet;

    void send() {
        TelemetryMessage message;
        message.body = R"({"temperature":21.5,"humidity":40,"pressure":1013.25,"battery":0.93})";
        message.content_type = "application/json";
        message.content_encoding = "utf-8";
        client.send(std::move(message), [this](const Delivery& delivery) {
            ++(delivery.is_stored() ? stored : lost);
            if (is_stopped) return quiet.add();
            send();
        });
    }
};

Result<> run_clients(load::Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::uint64_t devices = options.number("devices", 10'000);
    const std::uint64_t connecting_max = options.number("connecting", 32);
    const auto window = std::chrono::seconds(options.number("seconds", 8));
    const auto settle = std::chrono::seconds(options.number("settle", 3));
    const int server = static_cast<int>(options.number("server-pid", 0));
    DeviceOptions common;
    common.ca_file = options.text("ca");
    common.address = options.text("address");
    common.port = target->mqtts.port;
    if (auto checked = options.check(); !checked) return checked;

    auto loop = EventLoop::open();
    if (!loop) return fail(std::move(loop).error());
    common.loop = &*loop;
    std::thread runner([&loop] { loop->run(); });
    std::atomic<bool> is_stopped{false};
    std::atomic<std::uint64_t> stored{0};
    std::atomic<std::uint64_t> lost{0};
    Tally connected;
    Tally quiet;
    std::vector<std::unique_ptr<Sender>> senders;
    const load::ProcessUse before = load::read_process(::getpid());
    const auto began = load::Clock::now();
    for (std::uint64_t i = 0; i < devices; ++i) {
        const std::string id = load::device_id(i);
        DeviceOptions each = common;
        each.connection_string =
            "HostName=" + target->host_name + ";DeviceId=" + id + ";SharedAccessKey=" + load::device_key(id);
        auto client = DeviceClient::open(each);
        if (!client) return fail(std::move(client).error());
        senders.push_back(
            std::unique_ptr<Sender>(new Sender{*std::move(client), is_stopped, stored, lost, quiet}));
        DeviceClient& device = senders.back()->client;
        device.on_method("reboot", [](const MethodRequest&) { return MethodResponse{}; });
        device.on_status([&connected, is_first = true](const ConnectionStatus& status) mutable {
            if (status.state == ConnectionState::connected && std::exchange(is_first, false)) connected.add();
        });
        device.connect();
        if (i >= connecting_max) connected.wait_for(i - connecting_max);
    }
    connected.wait_for(devices);
    const double connect_s = seconds_between(began, load::Clock::now());
    std::this_thread::sleep_for(settle);
    const load::ProcessUse idle = load::read_process(::getpid());
    add_memory(out, before, idle, devices);
    out.member("connect_seconds", connect_s);

    const load::ProcessUse server_before = load::read_process(server);
    const auto sending = load::Clock::now();
    for (auto& sender : senders) sender->send();
    std::this_thread::sleep_for(window);
    const std::uint64_t messages = stored;
    const double took_s = seconds_between(sending, load::Clock::now());
    const load::ProcessUse after = load::read_process(::getpid());
    const load::ProcessUse server_after = load::read_process(server);
    is_stopped = true;
    quiet.wait_for(devices);
    const auto us_each = [messages](double cpu_s) {
        return cpu_s * 1e6 / static_cast<double>(std::max<std::uint64_t>(messages, 1));
    };
    out.member("messages", messages).member("lost", std::uint64_t{lost}).member("seconds", took_s);
    out.member("messages_per_second", static_cast<double>(messages) / took_s);
    out.member("client_cpu_us_per_message", us_each(after.cpu_s - idle.cpu_s));
    out.member("server_cpu_us_per_message", us_each(server_after.cpu_s - server_before.cpu_s));
    out.member("busy_user_bytes_per_device", per_device(before.user_bytes, after.user_bytes, devices));
    senders.clear();
    loop->stop();
    runner.join();
    return {};
}

Result<> run_bare(load::Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::uint64_t devices = options.number("devices", 10'000);
    const auto settle = std::chrono::seconds(options.number("settle", 3));
    options.text("ca");
    options.number("server-pid", 0);
    if (auto checked = options.check(); !checked) return checked;
    load::Loop loop;
    load::TlsContext tls;
    load::Fleet fleet(loop, tls, *target, {.devices = devices});
    fleet.on_method([](std::uint64_t, std::string_view) { return std::string("null"); });
    const load::ProcessUse before = load::read_process(::getpid());
    if (!fleet.connect_and_wait()) return fail(Errc::unreachable, "connects fail: " + fleet.last_loss());
    loop.run_for(settle);
    add_memory(out, before, load::read_process(::getpid()), devices);
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    auto options = load::Options::parse(argc, argv);
    const bool is_client = options && options->mode() == "client";
    if (!options || (!is_client && options->mode() != "bare")) {
        std::fputs(usage, stderr);
        return 2;
    }
    std::string text;
    JsonWriter out(text);
    out.begin_object().member("mode", options->mode());
    const Result<> done = is_client ? run_clients(*options, out) : run_bare(*options, out);
    if (!done) {
        std::fprintf(stderr, "carillon_clients: %s\n", done.error().detail.c_str());
        std::_Exit(done.error().code == Errc::config_invalid ? 2 : 1);
    }
    out.end_object();
    std::printf("%s\n", text.c_str());
    return 0;
}
