#pragma once

#include "load/tls.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::load {

/// Who connects, and for what; the same bytes go to every server.
struct MqttOptions {
    std::string client_id;
    std::string user_name;
    std::string password;
    std::uint16_t keep_alive_s = 1100;  ///< Longer than any run: no pings to answer.
    bool clean_session = true;
    std::vector<std::string> filters;  ///< Subscribed in one packet at QoS 0.
};

class MqttPeer {
public:
    virtual ~MqttPeer() = default;
    /// CONNACK and, if there are filters, SUBACK have come.
    virtual void ready() = 0;
    virtual void message(std::string_view topic, std::string_view payload) = 0;
    virtual void closed(const char* reason) = 0;
    /// The server has a message that was published at QoS 1.
    virtual void acknowledged(std::uint16_t) {}
};

/// A client of MQTT 3.1.1, as much of it as load needs; written apart from `src/wire/mqtt`, so that
/// each checks the other.
class MqttClient final : private TlsPeer {
public:
    MqttClient(Loop& loop, TlsContext& tls, MqttPeer& peer) : peer_(peer), connection_(loop, tls, *this) {}

    void open(Endpoint server, const std::string& host_name, std::uint32_t source, MqttOptions options);
    bool is_ready() const { return is_ready_; }
    bool is_idle() const { return connection_.is_idle(); }
    /// QoS 0.
    void publish(std::string_view topic, std::string_view payload);
    /// QoS 1, under a packet id that nothing else has.
    void publish(std::string_view topic, std::string_view payload, std::uint16_t packet_id);
    void close();

private:
    void opened() override;
    void received(std::string_view bytes) override;
    void closed(const char* reason) override;
    /// Handles the packets that are whole; answers how many bytes they took.
    std::size_t consume(std::string_view bytes);
    void packet(std::uint8_t first, std::string_view body);
    void fail(const char* reason);

    MqttPeer& peer_;
    TlsConnection connection_;
    MqttOptions options_;
    std::string partial_;  ///< The beginning of a packet whose end has not come.
    bool is_ready_ = false;
};

}  // namespace carillon::load
