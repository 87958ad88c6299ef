#include "net/handshake_memory.hpp"

#include "net/channel_fixture.hpp"

#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/ssl3.h>
#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

namespace carillon {
namespace {

/// Before anything else of this program asks OpenSSL for memory, so that all its tests run with it.
const bool is_installed = HandshakeMemory::install();

constexpr std::size_t message_bytes = (SSL3_RT_MAX_PLAIN_LENGTH + 3) / 3 * 4;

char* written(std::size_t bytes = message_bytes) {
    auto* const memory = static_cast<char*>(OPENSSL_malloc(bytes));
    std::memset(memory, 'x', bytes);
    return memory;
}

bool is_kept(const char* memory, std::size_t bytes = message_bytes) {
    return std::all_of(memory, memory + bytes, [](char c) { return c == 'x'; });
}

bool is_empty(const char* memory) {
    return std::all_of(memory, memory + message_bytes, [](char c) { return c == '\0'; });
}

TEST(HandshakeMemory, GoesBackWhileAServerWaits) {
    ASSERT_TRUE(is_installed);
    const HandshakeMemory::FirstStep step;
    char* const messages = written();
    char* const another = written();
    char* const smaller = written(message_bytes - 1);
    HandshakeMemory::FirstStep::waits();
    EXPECT_TRUE(is_empty(messages)) << "its pages are new ones";
    EXPECT_TRUE(is_kept(another));
    EXPECT_TRUE(is_kept(smaller, message_bytes - 1));
    for (char* memory : {messages, another, smaller}) OPENSSL_free(memory);
    HandshakeMemory::FirstStep::waits();  // There is none any more.
}

TEST(HandshakeMemory, IsUsualMemoryOutsideOfAFirstStep) {
    char* const before = written();
    {
        const HandshakeMemory::FirstStep step;
        HandshakeMemory::FirstStep::waits();
    }
    HandshakeMemory::FirstStep::waits();
    EXPECT_TRUE(is_kept(before));
    OPENSSL_free(before);
}

TEST(HandshakeMemory, MovesWhenItGrows) {
    const HandshakeMemory::FirstStep step;
    char* messages = written();
    messages = static_cast<char*>(OPENSSL_realloc(messages, 2 * message_bytes));
    ASSERT_NE(messages, nullptr);
    EXPECT_TRUE(is_kept(messages));
    HandshakeMemory::FirstStep::waits();
    EXPECT_TRUE(is_kept(messages));
    OPENSSL_free(messages);
}

TEST(HandshakeMemory, ThatIsUsedUpIsUsualMemory) {
    std::vector<char*> all;
    for (std::size_t i = 0; i < HandshakeMemory::blocks_max; ++i) {
        const HandshakeMemory::FirstStep step;
        all.push_back(static_cast<char*>(OPENSSL_malloc(message_bytes)));
    }
    const HandshakeMemory::FirstStep step;
    char* const beyond = written();
    HandshakeMemory::FirstStep::waits();
    EXPECT_TRUE(is_kept(beyond));
    OPENSSL_free(beyond);
    for (char* memory : all) OPENSSL_free(memory);
    char* const again = written();
    HandshakeMemory::FirstStep::waits();
    EXPECT_TRUE(is_empty(again));
    OPENSSL_free(again);
}

}  // namespace
}  // namespace carillon
