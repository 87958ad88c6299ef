#include "cluster/line_hello.hpp"

#include <gtest/gtest.h>
#include <string>

namespace carillon {
namespace {

LineHello hello_of_device() {
    LineHello hello;
    hello.service = LineService::amqp;
    hello.incarnation = 7;
    hello.peer.address = "192.0.2.1:4711";
    PeerCertificate certificate;
    certificate.sha1 = std::string(40, 'a');
    certificate.sha256 = std::string(64, 'b');
    certificate.common_name = "pump-1";
    certificate.is_verified = true;
    hello.peer.certificate = certificate;
    hello.peer.chain = {"der of its own", "der of its authority"};
    return hello;
}

TEST(LineHello, SaysWhoseConnectionItIs) {
    const std::string bytes = encode_hello(hello_of_device());
    const auto hello = decode_hello(as_bytes(bytes));
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->service, LineService::amqp);
    EXPECT_EQ(hello->incarnation, 7);
    EXPECT_EQ(hello->peer.address, "192.0.2.1:4711");
    ASSERT_TRUE(hello->peer.certificate);
    EXPECT_EQ(hello->peer.certificate->sha1, std::string(40, 'a'));
    EXPECT_EQ(hello->peer.certificate->sha256, std::string(64, 'b'));
    EXPECT_EQ(hello->peer.certificate->common_name, "pump-1");
    EXPECT_TRUE(hello->peer.certificate->is_verified);
    EXPECT_EQ(hello->peer.chain, hello_of_device().peer.chain);
}

TEST(LineHello, APeerWithoutACertificateHasNone) {
    LineHello without = hello_of_device();
    without.peer.certificate.reset();
    const auto hello = decode_hello(as_bytes(encode_hello(without)));
    ASSERT_TRUE(hello);
    EXPECT_FALSE(hello->peer.certificate);
    EXPECT_TRUE(hello->peer.chain.empty());
}

TEST(LineHello, ItsSizeIsKnownOnceItsHeadIsThere) {
    const std::string bytes = encode_hello(hello_of_device());
    for (std::size_t i = 0; i < LineHello::head_bytes; ++i) {
        const auto size = hello_bytes(as_bytes(bytes).first(i));
        ASSERT_TRUE(size);
        EXPECT_FALSE(*size);
    }
    EXPECT_EQ(**hello_bytes(as_bytes(bytes).first(LineHello::head_bytes)), bytes.size());
}

TEST(LineHello, WhatIsCutShortOrTooLongIsNone) {
    const std::string bytes = encode_hello(hello_of_device());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        EXPECT_FALSE(decode_hello(as_bytes(bytes).first(i))) << i;
        std::string shorter = bytes.substr(0, i);
        if (i < LineHello::head_bytes) continue;
        shorter[1] = static_cast<char>(i - LineHello::head_bytes);
        shorter[2] = 0;
        EXPECT_FALSE(decode_hello(as_bytes(shorter))) << i;
    }
    EXPECT_FALSE(decode_hello(as_bytes(bytes + "x")));
    EXPECT_FALSE(hello_bytes(as_bytes(std::string("\x01\xff\xff\xff\xff", 5))));
    EXPECT_FALSE(hello_bytes(as_bytes(std::string("\x03", 1)))) << "another version";
}

TEST(LineHello, TwoProgramsSpeakTheNewestVersionThatBothKnow) {
    const LineVersions first{1, 1};
    const LineVersions both{1, 2};
    const LineVersions second{2, 3};
    EXPECT_EQ(first.common_with(both), 1);
    EXPECT_EQ(both.common_with(first), 1);
    EXPECT_EQ(both.common_with(second), 2);
    EXPECT_EQ(second.common_with(second), 3);
    EXPECT_EQ(first.common_with(second), std::nullopt);
    EXPECT_EQ(second.common_with(first), std::nullopt);
    // A hello of a peer that is not a node of this hub.
    EXPECT_EQ(first.common_with({0, 0}), std::nullopt);
    EXPECT_EQ(both.common_with({2, 0}), std::nullopt);
    const std::string bytes = encode_hello(hello_of_device(), 2);
    EXPECT_FALSE(decode_hello(as_bytes(bytes), first));
    EXPECT_TRUE(decode_hello(as_bytes(bytes), both));
}

TEST(LineHello, FieldsThatAreNoneAreRefused) {
    LineHello wrong = hello_of_device();
    wrong.service = static_cast<LineService>(4);
    EXPECT_FALSE(decode_hello(as_bytes(encode_hello(wrong))));
    wrong.service = LineService::calls;
    EXPECT_FALSE(decode_hello(as_bytes(encode_hello(wrong, 1)))) << "the first version knows no calls";
    wrong = hello_of_device();
    wrong.peer.address = std::string(LineHello::address_bytes_max + 1, '1');
    EXPECT_FALSE(decode_hello(as_bytes(encode_hello(wrong))));
    wrong = hello_of_device();
    wrong.peer.certificate->sha1 = "short";
    EXPECT_FALSE(decode_hello(as_bytes(encode_hello(wrong))));
    wrong = hello_of_device();
    wrong.peer.certificate->common_name = std::string(LineHello::name_bytes_max + 1, 'x');
    EXPECT_FALSE(decode_hello(as_bytes(encode_hello(wrong))));
}

TEST(LineHello, ANodeThatAsksSaysWhichStartOfItDoes) {
    LineHello hello;
    hello.service = LineService::calls;
    hello.incarnation = 7;
    hello.asking_incarnation = -12;
    const std::string bytes = encode_hello(hello);
    const auto read = decode_hello(as_bytes(bytes));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->service, LineService::calls);
    EXPECT_EQ(read->incarnation, 7);
    EXPECT_EQ(read->asking_incarnation, -12);
    EXPECT_FALSE(decode_hello(as_bytes(bytes).first(bytes.size() - 1)));
}

TEST(LineHello, AChainThatIsTooLongIsLeftOut) {
    LineHello hello = hello_of_device();
    hello.peer.chain.emplace_back(LineHello::chain_bytes_max, 'x');
    const std::string bytes = encode_hello(hello);
    EXPECT_LE(bytes.size(), LineHello::bytes_max);
    const auto decoded = decode_hello(as_bytes(bytes));
    ASSERT_TRUE(decoded);
    EXPECT_TRUE(decoded->peer.chain.empty());
    EXPECT_TRUE(decoded->peer.certificate);
}

TEST(LineHello, AnAddressIsItsBytes) {
    EXPECT_EQ(address_bytes("192.0.2.1:4711"), (std::vector<std::uint8_t>{192, 0, 2, 1}));
    EXPECT_EQ(address_bytes("[2001:db8::1]:4711").size(), 16U);
    for (const char* wrong :
         {"", ":", "x:1", "192.0.2.1", "192.0.2:1", "2001:db8::1:4711", "[::1:4711", "[]:1"}) {
        EXPECT_TRUE(address_bytes(wrong).empty()) << wrong;
    }
}

}  // namespace
}  // namespace carillon
