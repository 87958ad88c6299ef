#include "endpoint/blob/web_reach.hpp"

#include "endpoint/blob/web_client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <cstring>

namespace carillon {
namespace {

sockaddr_storage address_of(const char* text) {
    sockaddr_storage storage{};
    in_addr v4{};
    if (inet_pton(AF_INET, text, &v4) == 1) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_addr = v4;
        std::memcpy(&storage, &in, sizeof in);
    } else {
        sockaddr_in6 in{};
        in.sin6_family = AF_INET6;
        EXPECT_EQ(inet_pton(AF_INET6, text, &in.sin6_addr), 1) << text;
        std::memcpy(&storage, &in, sizeof in);
    }
    return storage;
}

const sockaddr& generic(const sockaddr_storage& storage) {
    return *static_cast<const sockaddr*>(static_cast<const void*>(&storage));
}

bool permits(const WebReach& reach, const WebServer& server, const char* address) {
    const auto storage = address_of(address);
    return reach.permits(server, generic(storage));
}

const WebServer account{true, "account.blob.core.windows.net", 443};

TEST(WebReach, ByDefaultIsHttpsOfPublicAddresses) {
    const WebReach reach;
    for (const char* address : {"20.60.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1",
                                "100.128.0.1", "192.167.0.1", "2603:1030::1", "2a00:1450::1"}) {
        EXPECT_TRUE(permits(reach, account, address)) << address;
    }
    // Whatever name leads there.
    for (const char* address : {"127.0.0.1",
                                "127.8.8.8",
                                "0.0.0.0",
                                "10.1.2.3",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.168.1.1",
                                "169.254.169.254",
                                "168.63.129.16",
                                "100.64.0.1",
                                "100.127.1.1",
                                "198.18.0.1",
                                "192.0.0.1",
                                "192.0.2.1",
                                "224.0.0.1",
                                "255.255.255.255",
                                "::1",
                                "::",
                                "fe80::1",
                                "fc00::1",
                                "fd00:ec2::254",
                                "ff02::1",
                                "::ffff:127.0.0.1",
                                "::ffff:10.0.0.1",
                                "::127.0.0.1",
                                "64:ff9b::7f00:1",
                                "2002:7f00:1::",
                                "2001::1",
                                "2001:db8::1"}) {
        EXPECT_FALSE(permits(reach, account, address)) << address;
    }
    EXPECT_FALSE(permits(reach, {true, "account.example.net", 8443}, "8.8.8.8"));
    EXPECT_FALSE(permits(reach, {false, "account.example.net", 80}, "8.8.8.8"));
    EXPECT_FALSE(reach.check({false, "localhost", 10000}));
    EXPECT_EQ(reach.check({false, "localhost", 10000}).error().code, Errc::blob_container_validation_error);
}

TEST(WebReach, AHostThatIsListedMayHaveAnyAddressAtItsPort) {
    const auto reach = WebReach::parse(
        WebReach::Mode::everyone, {"http://127.0.0.1:10000", "Store.example.net:8443", "http://[::1]:10000"});
    ASSERT_TRUE(reach) << reach.error().detail;
    EXPECT_TRUE(permits(*reach, {false, "127.0.0.1", 10000}, "127.0.0.1"));
    EXPECT_TRUE(permits(*reach, {false, "::1", 10000}, "::1"));
    EXPECT_TRUE(permits(*reach, {true, "STORE.example.net", 8443}, "10.0.0.5"));
    EXPECT_FALSE(permits(*reach, {false, "127.0.0.1", 10001}, "127.0.0.1"));
    EXPECT_FALSE(permits(*reach, {true, "127.0.0.1", 10000}, "127.0.0.1")) << "another scheme";
    EXPECT_FALSE(permits(*reach, {true, "store.example.net", 443}, "10.0.0.5"));
    EXPECT_FALSE(permits(*reach, {true, "other.example.net", 443}, "127.0.0.1"));
    EXPECT_TRUE(permits(*reach, account, "20.60.1.1"));
}

TEST(WebReach, MayBeTheListOnlyOrNothing) {
    const auto listed = WebReach::parse(WebReach::Mode::listed, {"store.example.net"});
    ASSERT_TRUE(listed);
    EXPECT_TRUE(permits(*listed, {true, "store.example.net", 443}, "192.168.1.1"));
    EXPECT_FALSE(permits(*listed, account, "20.60.1.1"));
    EXPECT_FALSE(listed->check(account));
    const auto nobody = WebReach::parse(WebReach::Mode::nobody, {"store.example.net"});
    ASSERT_TRUE(nobody);
    EXPECT_FALSE(permits(*nobody, {true, "store.example.net", 443}, "192.168.1.1"));
    EXPECT_FALSE(nobody->check(account));
}

TEST(WebReach, RefusesWhatIsNotAHost) {
    for (const char* text :
         {"", "ftp://x", "http://", "x:0", "x:70000", "x:y", "[::1", "[::1]x", "a/b", "u@h", "a b"}) {
        EXPECT_FALSE(WebReach::parse(WebReach::Mode::everyone, {text})) << text;
    }
    EXPECT_FALSE(WebReach::parse(WebReach::Mode::everyone, std::vector<std::string>(65, "x")));
}

}  // namespace
}  // namespace carillon
