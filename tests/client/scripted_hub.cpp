#include "client/scripted_hub.hpp"

#include "client/hub_fixture.hpp"
#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/encode.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>

namespace carillon::client_test {

Conversation::Conversation(ssl_ctx_st* context, int descriptor)
    : ssl_(SSL_new(context)), descriptor_(descriptor) {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    SSL_set_fd(ssl_, descriptor);
    SSL_accept(ssl_);
}

Conversation::~Conversation() {
    cut();
    SSL_free(ssl_);
}

void Conversation::cut() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

bool Conversation::fill() {
    std::array<char, 4096> bytes;
    const int got = descriptor_ < 0 ? 0 : SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    if (got <= 0) return false;
    input_.append(bytes.data(), static_cast<std::size_t>(got));
    return true;
}

mqtt::PacketType Conversation::read() {
    for (;;) {
        const std::string input = std::exchange(input_, {});
        Bytes rest = as_bytes(input);
        const auto packet = framer_.next(rest);
        input_ = as_text(rest);
        if (!packet) return mqtt::PacketType{};
        if (*packet) {
            body = as_text((*packet)->body);
            return static_cast<mqtt::PacketType>((*packet)->type_bits());
        }
        if (!fill()) return mqtt::PacketType{};
    }
}

void Conversation::send(std::string_view bytes) {
    SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
}

void Conversation::accept() {
    EXPECT_EQ(read(), mqtt::PacketType::connect);
    std::string out;
    mqtt::append_connack(out, mqtt::ConnectCode::accepted, false);
    send(out);
}

void Conversation::grant() {
    EXPECT_EQ(read(), mqtt::PacketType::subscribe);
    mqtt::Packet packet;
    packet.header = 0x82;
    packet.body = as_bytes(body);
    mqtt::FilterList filters;
    EXPECT_TRUE(mqtt::decode_subscribe(packet, filters));
    const std::vector<std::uint8_t> codes(filters.count, 1);
    std::string out;
    mqtt::append_suback(out, filters.packet_id, codes);
    send(out);
}

ScriptedHub::ScriptedHub(const std::string& certificate, const std::string& key, std::vector<Script> scripts)
    : context_(SSL_CTX_new(TLS_server_method())), scripts_(std::move(scripts)) {
    CARILLON_ASSERT(SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) == 1);
    CARILLON_ASSERT(SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) == 1);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &at.sin_addr);
    socklen_t size = sizeof at;
    CARILLON_ASSERT(::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    CARILLON_ASSERT(::listen(listener_, 8) == 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
}

ScriptedHub::~ScriptedHub() {
    is_ending_ = true;
    thread_.join();
    ::close(listener_);
    SSL_CTX_free(context_);
}

void ScriptedHub::wait() {
    wait_until([this] { return is_done_.load(); }, "the script's end");
}

void ScriptedHub::run() {
    for (const Script& script : scripts_) {
        pollfd listening{listener_, POLLIN, 0};
        while (!is_ending_ && ::poll(&listening, 1, 20) == 0) {
        }
        if (is_ending_) return;
        Conversation conversation(context_, ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
        script(conversation);
    }
    is_done_ = true;
}

}  // namespace carillon::client_test
