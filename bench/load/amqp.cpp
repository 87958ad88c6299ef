// Telemetry over AMQP: many devices behind few connections, or one behind each; or what they cost when they
// are idle.
#include "load/amqp_client.hpp"
#include "load/meter.hpp"
#include "load/modes.hpp"
#include "wire/amqp/device/device_messages.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace carillon::load {
namespace {

struct AmqpRun {
    Loop loop;
    TlsContext tls;
    Target target;
    std::string queue;  ///< Of a broker.
    std::string message;
    Meter meter{0};
    bool is_idle = false;
    std::uint64_t attached = 0;
    std::uint64_t wanted = 0;
    std::uint64_t lost = 0;
    std::string last_loss;
};

/// A connection with the devices behind it.
class Gateway final : public AmqpPeer {
public:
    Gateway(AmqpRun& run, std::uint64_t number, std::uint64_t first, std::uint64_t devices)
        : run_(run),
          client_(run.loop, run.tls, *this, run.target, number),
          first_(first),
          devices_(devices) {}

    void open() { client_.open(); }
    bool is_ready() const { return attached_ == devices_; }
    void begin() {
        for (auto& [link, sent] : links_) send(link, sent);
    }

private:
    void ready() override { attach_more(); }
    /// A few at a time, as devices of a gateway come.
    void attach_more() {
        constexpr std::uint64_t at_once = 64;
        while (asked_ < devices_ && asked_ - attached_ < at_once) {
            const std::string address = run_.target.is_hub()
                                            ? "/devices/" + device_id(first_ + asked_) + "/messages/events"
                                            : "/amq/queue/" + run_.queue;
            links_.emplace(client_.send_to(address), Clock::time_point());
            ++asked_;
        }
    }
    void attached(amqp::LinkId) override {
        ++attached_;
        attach_more();
        if (++run_.attached == run_.wanted) run_.loop.stop();
    }
    void send(amqp::LinkId link, Clock::time_point& sent) {
        sent = Clock::now();
        if (!client_.send(link, run_.message, 1)) run_.meter.failure();
    }
    void disposed(amqp::LinkId link, std::uint64_t, bool is_accepted) override {
        const auto found = links_.find(link);
        if (found == links_.end()) return;
        if (is_accepted) {
            run_.meter.trip(Clock::now() - found->second);
        } else {
            run_.meter.failure();
        }
        send(link, found->second);
    }
    void detached(amqp::LinkId, std::string_view why) override {
        ++run_.lost;
        run_.last_loss = why;
    }
    void closed(const char* reason) override {
        ++run_.lost;
        run_.last_loss = reason;
    }

    AmqpRun& run_;
    AmqpClient client_;
    const std::uint64_t first_;
    const std::uint64_t devices_;
    std::uint64_t asked_ = 0;
    std::uint64_t attached_ = 0;
    std::unordered_map<amqp::LinkId, Clock::time_point> links_;
};

Result<> connect_all(AmqpRun& run, const std::vector<std::unique_ptr<Gateway>>& gateways) {
    // So many in the making, which is what a storm of gateways is.
    constexpr std::size_t at_once = 64;
    std::size_t next = 0;
    while (run.attached < run.wanted) {
        const auto is_open = [&](std::size_t i) { return i < next && !gateways[i]->is_ready(); };
        std::size_t opening = 0;
        for (std::size_t i = 0; i < next; ++i) opening += is_open(i) ? 1 : 0;
        for (; opening < at_once && next < gateways.size(); ++opening) gateways[next++]->open();
        const std::uint64_t before = run.attached;
        const std::uint64_t lost = run.lost;
        run.loop.run_for(next < gateways.size() ? std::chrono::milliseconds(5)
                                                : std::chrono::milliseconds(20'000));
        const bool stands_still = next == gateways.size() && run.attached == before;
        if (run.lost > lost || stands_still)
            return fail(Errc::unreachable,
                        "only " + std::to_string(run.attached) + " devices attached: " + run.last_loss);
    }
    return {};
}

}  // namespace

Result<> run_amqp(Options& options, JsonWriter& out) {
    AmqpRun run;
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    run.target = *std::move(target);
    run.queue = options.text("queue", "bench");
    run.wanted = options.number("devices", 1000);
    run.is_idle = options.number("idle", 0) != 0;
    const std::uint64_t connections = options.number("connections", run.wanted);
    const std::size_t bytes = options.number("bytes", 200);
    const auto window = std::chrono::seconds(options.number("seconds", 10));
    const auto warm_up = std::chrono::seconds(options.number("warm-up", 2));
    const auto settle = std::chrono::seconds(options.number("settle", 5));
    const int pid = static_cast<int>(options.number("server-pid", 0));
    run.meter = Meter(pid);
    if (auto checked = options.check(); !checked) return checked;
    if (connections == 0 || run.wanted % connections != 0)
        return fail(Errc::config_invalid, "--devices must be a multiple of --connections");
    amqp::DeviceMessage message;
    message.body = std::string(bytes, 'x');
    amqp::append_telemetry(run.message, message);

    std::vector<std::unique_ptr<Gateway>> gateways;
    const std::uint64_t each = run.wanted / connections;
    for (std::uint64_t i = 0; i < connections; ++i)
        gateways.push_back(std::make_unique<Gateway>(run, i, i * each, each));
    const ProcessUse before = read_process(pid);
    if (auto connected = connect_all(run, gateways); !connected) return connected;
    out.member("devices", run.wanted).member("connections", connections);
    if (run.is_idle) {
        run.loop.run_for(settle);
        const ProcessUse after = read_process(pid);
        const auto per_device = [&run](std::uint64_t from, std::uint64_t to) {
            return (static_cast<double>(to) - static_cast<double>(from)) / static_cast<double>(run.wanted);
        };
        out.member("resident_bytes_per_device", per_device(before.resident_bytes, after.resident_bytes));
        out.member("user_bytes_per_device", per_device(before.user_bytes, after.user_bytes));
        return {};
    }
    for (const auto& gateway : gateways) gateway->begin();
    run.loop.run_for(warm_up);
    run.meter.begin();
    run.loop.run_for(window);
    run.meter.end();
    out.member("bytes", std::uint64_t{bytes});
    run.meter.report(out);
    out.member("connections_lost", run.lost);
    return {};
}

}  // namespace carillon::load
