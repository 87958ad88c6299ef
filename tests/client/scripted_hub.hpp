#pragma once

#include "wire/mqtt/framer.hpp"
#include "wire/mqtt/packet.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace carillon::client_test {

/// One connection of a device, as its script sees it.
class Conversation {
public:
    Conversation(ssl_ctx_st* context, int descriptor);
    ~Conversation();
    Conversation(const Conversation&) = delete;
    Conversation& operator=(const Conversation&) = delete;

    /// The next packet's type, and its body in `body`; nothing (0) once the device is gone.
    mqtt::PacketType read();
    std::string body;
    void send(std::string_view bytes);
    /// Reads CONNECT and accepts it.
    void accept();
    /// Reads SUBSCRIBE and grants it; its filters lie in `body`.
    void grant();
    /// The end of the connection, without a word.
    void cut();

private:
    bool fill();

    ssl_st* ssl_;
    int descriptor_;
    mqtt::Framer framer_{mqtt::PacketLimits::packet_bytes_max};
    std::string input_;
};

/// A hub that does, connection by connection, what a script says. On 127.63.0.31.
class ScriptedHub {
public:
    using Script = std::function<void(Conversation&)>;
    static constexpr const char* address = "127.63.0.31";

    /// The certificate and its key are PEM files.
    ScriptedHub(const std::string& certificate, const std::string& key, std::vector<Script> scripts);
    ~ScriptedHub();
    std::uint16_t port() const { return port_; }
    /// Waits until all scripts have run.
    void wait();

private:
    void run();

    ssl_ctx_st* context_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::vector<Script> scripts_;
    std::atomic<bool> is_done_{false};
    std::atomic<bool> is_ending_{false};
    std::thread thread_;
};

}  // namespace carillon::client_test
