#pragma once

#include "load/hub.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::load {

struct FleetOptions {
    std::uint64_t first = 0;  ///< Number of the first device.
    std::uint64_t devices = 0;
    std::size_t connecting_max = 64;  ///< Handshakes at once.
    /// A device that loses its connection comes back after this, plus up to as much again; without,
    /// it stays away.
    std::optional<Duration> return_after = std::nullopt;
};

/// Many devices on one loop that subscribe to their direct methods and answer them.
///
/// To a hub, every device speaks of `$iothub/methods/POST/…`. A broker relays what others publish and
/// knows no `$iothub`, so there each device has a topic of its own, of the same length.
class Fleet {
public:
    Fleet(Loop& loop, TlsContext& tls, const Target& target, const FleetOptions& options);
    ~Fleet();

    /// Called when device `number` gets a request; answers the payload to respond with, at once.
    using OnMethod = std::function<std::string(std::uint64_t number, std::string_view payload)>;
    /// The same, for those who answer later by `respond`.
    using OnRequest =
        std::function<void(std::uint64_t number, std::string_view request_id, std::string_view payload)>;
    using OnDesired = std::function<void(std::uint64_t number, std::string_view body)>;
    void on_method(OnMethod call);
    void on_request(OnRequest call);
    void on_desired(OnDesired call) { on_desired_ = std::move(call); }

    /// Connects whoever is not; `all_ready` is called once when every device is.
    void connect(std::function<void()> all_ready);
    /// Runs the loop until every device is ready, or nothing has moved for `patience`. Answers
    /// whether all are.
    bool connect_and_wait(Duration patience = std::chrono::seconds(20));
    void disconnect();
    /// Sends device `number`'s answer with status 200, if it is connected still.
    void respond(std::uint64_t number, std::string_view request_id, std::string_view payload);

    std::size_t ready_count() const { return ready_count_; }
    std::uint64_t losses() const { return losses_; }  ///< Connections that failed or ended.
    const std::string& last_loss() const { return last_loss_; }

private:
    class Device;
    friend class Device;
    void fill();
    void became_ready();
    void ended(Device& device, const char* reason, bool was_ready);
    void request(Device& device, std::string_view topic, std::string_view payload);

    Loop& loop_;
    TlsContext& tls_;
    const Target& target_;
    FleetOptions options_;
    std::vector<std::unique_ptr<Device>> devices_;
    std::vector<Device*> waiting_;  ///< For a place among those that connect.
    std::size_t connecting_ = 0;
    std::size_t ready_count_ = 0;
    std::uint64_t losses_ = 0;
    std::uint64_t jitter_ = 1;
    std::string last_loss_;
    OnRequest on_request_;
    OnDesired on_desired_;
    std::function<void()> all_ready_;
};

/// Topics of one method exchange, as `Fleet` uses them. The request's ends in the request id.
std::string request_topic(const Target& target, std::string_view device, std::uint32_t request_id);
std::string response_topic(const Target& target, std::string_view request_id);
/// What the relayed exchange's controller subscribes to.
inline constexpr std::string_view relay_response_filter = "m/res/#";
/// The request id at the end of either topic.
std::string_view request_id_of(std::string_view topic);

}  // namespace carillon::load
