#pragma once

#include "base/random.hpp"
#include "base/task.hpp"
#include "base/timers.hpp"
#include "core/provisioning/provisioning.hpp"
#include "net/channel.hpp"
#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/framer.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {
class Hub;
}

namespace carillon::mqtt {

/// One MQTT connection of a device that registers. It stays on the thread that accepted it, keeps itself
/// alive until its channel has closed, and carries out one request at a time; what comes meanwhile waits.
/// Source: DPS docs, "Communicate with your DPS using the MQTT protocol".
class RegistrationConnection final : public ChannelHandler,
                                     public std::enable_shared_from_this<RegistrationConnection> {
public:
    /// A registration is a few hundred bytes; the service takes so much. Source: DPS docs, "Quotas and
    /// limits".
    static constexpr std::size_t packet_bytes_max = 96 * 1024 + 1024;
    /// Of a device that asks for no keep-alive, as those of C and C# do.
    static constexpr std::chrono::seconds silence_max{120};

    /// `begun` is what was read of it already, its whole CONNECT at least.
    static void serve(Hub& hub, std::unique_ptr<Channel> channel, Bytes begun);

    void received(Bytes bytes) override;
    void closed(Errc reason) override;

private:
    enum class Stage : std::uint8_t { awaiting_connect, busy, running, closing };

    RegistrationConnection(Hub& hub, std::unique_ptr<Channel> channel);

    void take(const Packet& packet);
    void take_connect(const Packet& packet);
    void take_subscribe(const Packet& packet);
    void take_unsubscribe(const Packet& packet);
    void take_publish(const Packet& packet);
    void take_pingreq(const Packet& packet);
    void refuse_connect();
    void begin_request(std::string_view topic, Bytes payload);
    void answer(int status, std::string_view rid, int retry_after_s, std::string_view body);
    void answer_failure(std::string_view rid, const Error& error);
    Task<> authenticate(std::optional<std::string> token, std::string api_version);
    Task<> register_device(std::string rid, std::string body);
    Task<> poll(std::string rid, std::string operation_id);
    /// Nothing is read until `work` has ended.
    void run(Task<> work);
    void go_on();
    void say(std::string_view bytes);
    void close(Errc reason, const char* why);
    void arm();

    Hub& hub_;
    std::unique_ptr<Channel> channel_;
    std::shared_ptr<RegistrationConnection> self_;  ///< Until the channel has closed.
    Framer framer_;
    std::string held_;  ///< Input that came behind what is being carried out. Bound: one read of the channel.
    std::string scope_;            ///< Bound: PacketLimits::unauthenticated_bytes_max, as is the next.
    std::string registration_id_;  ///< Bound: PacketLimits::unauthenticated_bytes_max
    std::optional<RegistrationRequest> request_;  ///< Who it is, once that is proved.
    SeededRandom ids_;                            ///< Tracking ids: unlikely to repeat, no secrets.
    Timers::Id timer_;
    TimePoint heard_{};
    Duration silence_ = silence_max;
    Stage stage_ = Stage::awaiting_connect;
    std::uint16_t last_packet_id_ = 0;
    std::uint8_t granted_qos_ = 0;
    bool is_subscribed_ = false;
};

}  // namespace carillon::mqtt
