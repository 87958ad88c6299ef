#include "server/cluster/health_door.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <atomic>

namespace carillon {
namespace {

constexpr std::uint16_t port = 17'811;
constexpr const char* where = "127.43.53.1:17811";

int connected() {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, "127.43.53.1", &address.sin_addr);
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return client;
}

std::string ask(const std::string& request) {
    const int client = connected();
    EXPECT_EQ(::send(client, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string text;
    std::array<char, 512> piece{};
    for (ssize_t size = 0; (size = ::recv(client, piece.data(), piece.size(), 0)) > 0;)
        text.append(piece.data(), static_cast<std::size_t>(size));
    ::close(client);
    return text;
}

TEST(HealthDoor, SaysWhetherTheNodeServes) {
    std::atomic<bool> serves = false;
    auto door = HealthDoor::open(where, [&serves] { return HealthDoor::State{serves, "{}"}; });
    ASSERT_TRUE(door) << door.error().detail;
    EXPECT_TRUE(ask("GET /health HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 503 "));
    serves = true;
    const std::string text = ask("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(text.ends_with("\r\n\r\n{}\n"));
    EXPECT_TRUE(ask("HEAD / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n"));
}

TEST(HealthDoor, ASilentOrEndlessClientIsCutAndTheNextOneServed) {
    auto door = HealthDoor::open(where, [] { return HealthDoor::State{true, "{}"}; });
    ASSERT_TRUE(door) << door.error().detail;
    const int silent = connected();
    EXPECT_TRUE(ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
    ::close(silent);
    EXPECT_EQ(ask(std::string(HealthDoor::request_bytes_max + 1, 'x')), "");
    EXPECT_TRUE(ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
}

TEST(HealthDoor, AnAddressThatIsNoneIsRefused) {
    for (const char* wrong :
         {"", "x", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "localhost:80", ":80"}) {
        const auto door = HealthDoor::open(wrong, [] { return HealthDoor::State{}; });
        ASSERT_FALSE(door) << wrong;
        EXPECT_EQ(door.error().code, Errc::config_invalid) << wrong;
    }
}

}  // namespace
}  // namespace carillon
