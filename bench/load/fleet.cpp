#include "load/fleet.hpp"

#include <chrono>
#include <optional>
#include <utility>

namespace carillon::load {
namespace {

constexpr std::string_view rid_mark = "/?$rid=";
constexpr std::string_view hub_request = "$iothub/methods/POST/";
constexpr std::string_view hub_response = "$iothub/methods/res/200";
constexpr std::string_view hub_desired = "$iothub/twin/PATCH/properties/desired/";
constexpr std::string_view method_name = "lockDoor";

/// `text` made as long as the hub's topic, so that both servers move the same bytes.
std::string padded(std::string text, std::size_t size) {
    if (text.size() < size) text.append(size - text.size(), 'x');
    return text;
}

}  // namespace

std::string request_topic(const Target& target, std::string_view device, std::uint32_t request_id) {
    std::string topic = std::string(hub_request) + std::string(method_name);
    if (!target.is_hub()) topic = padded("m/" + std::string(device) + "/", topic.size());
    return topic + std::string(rid_mark) + std::to_string(request_id);
}

std::string response_topic(const Target& target, std::string_view request_id) {
    std::string topic(hub_response);
    if (!target.is_hub()) topic = padded("m/res/", topic.size());
    return topic + std::string(rid_mark) + std::string(request_id);
}

std::string_view request_id_of(std::string_view topic) {
    const std::size_t at = topic.rfind('=');
    return at == std::string_view::npos ? std::string_view() : topic.substr(at + 1);
}

class Fleet::Device final : public MqttPeer {
public:
    Device(Fleet& fleet, std::uint64_t number)
        : fleet_(fleet), number_(number), client_(fleet.loop_, fleet.tls_, *this) {}

    std::uint64_t number() const { return number_; }
    MqttClient& client() { return client_; }

    void open() {
        const std::string id = device_id(number_);
        MqttOptions options = device_options(fleet_.target_, id);
        if (fleet_.target_.is_hub()) {
            options.filters = {std::string(hub_request) + "#"};
            if (fleet_.on_desired_) options.filters.push_back(std::string(hub_desired) + "#");
        } else {
            options.filters = {"m/" + id + "/#"};
        }
        client_.open(fleet_.target_.mqtts_of(number_), fleet_.target_.host_name, source_address(number_),
                     std::move(options));
    }

    void ready() override {
        was_ready_ = true;
        fleet_.became_ready();
    }
    void message(std::string_view topic, std::string_view payload) override {
        if (topic.starts_with(hub_desired)) {
            if (fleet_.on_desired_) fleet_.on_desired_(number_, payload);
        } else {
            fleet_.request(*this, topic, payload);
        }
    }
    void closed(const char* reason) override {
        fleet_.ended(*this, reason, std::exchange(was_ready_, false));
    }

    bool was_ready_ = false;

private:
    Fleet& fleet_;
    std::uint64_t number_;
    MqttClient client_;
};

Fleet::Fleet(Loop& loop, TlsContext& tls, const Target& target, const FleetOptions& options)
    : loop_(loop), tls_(tls), target_(target), options_(options) {
    devices_.reserve(options.devices);
    for (std::uint64_t i = 0; i < options.devices; ++i) {
        devices_.push_back(std::make_unique<Device>(*this, options.first + i));
    }
}

Fleet::~Fleet() = default;

void Fleet::on_method(OnMethod call) {
    on_request_ = [this, call = std::move(call)](std::uint64_t number, std::string_view request_id,
                                                 std::string_view payload) {
        respond(number, request_id, call(number, payload));
    };
}

void Fleet::on_request(OnRequest call) {
    on_request_ = std::move(call);
}

void Fleet::connect(std::function<void()> all_ready) {
    all_ready_ = std::move(all_ready);
    waiting_.clear();
    for (auto device = devices_.rbegin(); device != devices_.rend(); ++device) {
        if ((*device)->client().is_idle()) waiting_.push_back(device->get());
    }
    fill();
}

bool Fleet::connect_and_wait(Duration patience) {
    bool is_done = false;
    connect([&] {
        is_done = true;
        loop_.stop();
    });
    while (!is_done) {
        const std::size_t before = ready_count_;
        loop_.run_for(patience);
        if (!is_done && ready_count_ == before) break;
    }
    all_ready_ = nullptr;
    return is_done;
}

void Fleet::disconnect() {
    options_.return_after.reset();
    waiting_.clear();
    for (const auto& device : devices_) {
        device->client().close();
        device->was_ready_ = false;
    }
    connecting_ = 0;
    ready_count_ = 0;
}

void Fleet::respond(std::uint64_t number, std::string_view request_id, std::string_view payload) {
    MqttClient& client = devices_[number - options_.first]->client();
    if (client.is_ready()) client.publish(response_topic(target_, request_id), payload);
}

void Fleet::fill() {
    while (connecting_ < options_.connecting_max && !waiting_.empty()) {
        Device* const device = waiting_.back();
        waiting_.pop_back();
        if (!device->client().is_idle()) continue;
        ++connecting_;
        device->open();
    }
}

void Fleet::became_ready() {
    --connecting_;
    ++ready_count_;
    fill();
    if (ready_count_ == devices_.size() && all_ready_) std::exchange(all_ready_, nullptr)();
}

void Fleet::ended(Device& device, const char* reason, bool was_ready) {
    ++losses_;
    last_loss_ = reason;
    if (was_ready) {
        --ready_count_;
    } else {
        --connecting_;
    }
    if (options_.return_after) {
        jitter_ = jitter_ * 6364136223846793005ULL + 1442695040888963407ULL;
        const auto more = static_cast<Duration::rep>(jitter_ >> 33) % options_.return_after->count();
        loop_.after(*options_.return_after + Duration(more), [this, &device] {
            if (!options_.return_after) return;
            waiting_.push_back(&device);
            fill();
        });
    }
    // In a later round: a refused connection ends within `open`, which `fill` may have called.
    loop_.after(Duration::zero(), [this] { fill(); });
}

void Fleet::request(Device& device, std::string_view topic, std::string_view payload) {
    if (on_request_) on_request_(device.number(), request_id_of(topic), payload);
}

}  // namespace carillon::load
