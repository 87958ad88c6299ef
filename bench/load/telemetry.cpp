// Messages of many devices at QoS 1: each device sends its next one once the one before is acknowledged.
#include "load/meter.hpp"
#include "load/modes.hpp"
#include "load/mqtt.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace carillon::load {
namespace {

class Talkers {
public:
    Talkers(Loop& loop, TlsContext& tls, const Target& target, std::uint64_t devices, std::size_t bytes,
            Meter& meter)
        : loop_(loop), target_(target), payload_(bytes, 'x'), meter_(meter) {
        for (std::uint64_t i = 0; i < devices; ++i)
            talkers_.push_back(std::make_unique<Talker>(*this, loop, tls, i));
    }
    /// False if a connection is refused or fails.
    bool connect(std::size_t at_once) {
        while (opening_ < at_once && next_ < talkers_.size()) open();
        while (ready_ < talkers_.size()) {
            const std::size_t before = ready_;
            loop_.run_for(std::chrono::seconds(20));
            if (ready_ == before) return false;
        }
        return true;
    }
    void begin() {
        for (const auto& talker : talkers_) talker->send();
    }
    std::size_t ready() const { return ready_; }
    std::uint64_t losses() const { return losses_; }
    std::uint64_t unanswered() const {
        return static_cast<std::uint64_t>(std::count_if(talkers_.begin(), talkers_.end(),
                                                        [](const auto& one) { return one->is_waiting(); }));
    }

private:
    class Talker final : public MqttPeer {
    public:
        Talker(Talkers& all, Loop& loop, TlsContext& tls, std::uint64_t number)
            : all_(all), number_(number), client_(loop, tls, *this) {}
        void open() {
            const std::string id = device_id(number_);
            const std::string hub = "devices/" + id + "/messages/events/";
            topic_ = all_.target_.is_hub() ? hub : "m/" + id + std::string(hub.size() - id.size() - 2, 'x');
            client_.open(all_.target_.mqtts_of(number_), all_.target_.host_name, source_address(number_),
                         device_options(all_.target_, id));
        }
        void send() {
            if (!client_.is_ready()) return;
            packet_id_ = static_cast<std::uint16_t>(packet_id_ % 65535 + 1);
            sent_ = Clock::now();
            is_waiting_ = true;
            client_.publish(topic_, all_.payload_, packet_id_);
        }
        void ready() override { all_.became_ready(); }
        void message(std::string_view, std::string_view) override {}
        void acknowledged(std::uint16_t id) override {
            if (id != packet_id_) return all_.meter_.failure();
            is_waiting_ = false;
            all_.meter_.trip(Clock::now() - sent_);
            send();
        }
        void closed(const char*) override { ++all_.losses_; }
        bool is_waiting() const { return is_waiting_; }

    private:
        Talkers& all_;
        std::uint64_t number_;
        MqttClient client_;
        std::string topic_;
        Clock::time_point sent_;
        std::uint16_t packet_id_ = 0;
        bool is_waiting_ = false;
    };

    void open() {
        ++opening_;
        talkers_[next_++]->open();
    }
    void became_ready() {
        --opening_;
        if (next_ < talkers_.size()) open();
        if (++ready_ == talkers_.size()) loop_.stop();
    }

    Loop& loop_;
    const Target& target_;
    const std::string payload_;
    Meter& meter_;
    std::vector<std::unique_ptr<Talker>> talkers_;
    std::size_t next_ = 0;
    std::size_t opening_ = 0;
    std::size_t ready_ = 0;
    std::uint64_t losses_ = 0;
};

}  // namespace

Result<> run_telemetry(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::uint64_t devices = options.number("devices", 1000);
    const std::size_t bytes = options.number("bytes", 200);
    const auto window = std::chrono::seconds(options.number("seconds", 10));
    const auto warm_up = std::chrono::seconds(options.number("warm-up", 2));
    const std::size_t at_once = options.number("in-flight", 64);
    Meter meter(static_cast<int>(options.number("server-pid", 0)));
    if (auto checked = options.check(); !checked) return checked;

    Loop loop;
    TlsContext tls;
    Talkers talkers(loop, tls, *target, devices, bytes, meter);
    if (!talkers.connect(at_once))
        return fail(Errc::unreachable, "only " + std::to_string(talkers.ready()) + " devices connected");
    talkers.begin();
    loop.run_for(warm_up);
    meter.begin();
    loop.run_for(window);
    meter.end();
    out.member("devices", devices).member("bytes", std::uint64_t{bytes});
    meter.report(out);
    out.member("connections_lost", talkers.losses());
    return {};
}

}  // namespace carillon::load
