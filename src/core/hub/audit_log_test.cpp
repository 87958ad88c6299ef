#include "core/hub/audit_log.hpp"

#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

struct AuditLogTest : ::testing::Test {
    void SetUp() override { restart(); }
    void restart(std::size_t entries_max = 100) {
        own.reset();
        hub.reset();
        hub.emplace(store, clock, 2);
        own.emplace((*hub)->shards().first());
        log().use(entries_max);
        ASSERT_TRUE(log().load());
    }
    AuditLog& log() { return *own; }
    static AuditEntry change(std::string operation) {
        AuditEntry entry;
        entry.policy = "service";
        entry.operation = std::move(operation);
        return entry;
    }
    void write(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            ASSERT_TRUE(hub->run(log().write(change("op " + std::to_string(i)))));
    }
    AuditLog::Page page(std::uint64_t after = 0, std::size_t count = AuditLog::page_entries_max) {
        auto listed = hub->run(log().list(after, count));
        CARILLON_ASSERT(listed);
        return *std::move(listed);
    }

    ManualClock clock{WallTime::from_unix_s(1'700'000'000)};
    MemoryStore store;
    std::optional<testing::TestHub> hub;
    std::optional<AuditLog> own;
};

Result<> verify(const std::vector<std::string>& entries, AuditChain& chain) {
    for (const std::string& entry : entries) {
        if (auto added = chain.add(entry); !added) return added;
    }
    return {};
}

TEST_F(AuditLogTest, EachEntryNamesTheHashOfTheOneBefore) {
    write(3);
    const auto listed = page();
    ASSERT_EQ(listed.entries.size(), 3U);
    EXPECT_EQ(
        listed.entries[0],
        R"({"sequence":1,"time":"2023-11-14T22:13:20Z","policy":"service","operation":"op 0","previous":""})");
    EXPECT_NE(listed.entries[1].find("\"previous\":\"" + sha256_hex(listed.entries[0]) + "\""),
              std::string::npos);
    AuditChain chain;
    ASSERT_TRUE(verify(listed.entries, chain));
    EXPECT_EQ(chain.head(), listed.head);
    EXPECT_EQ(chain.last(), listed.last);
}

TEST_F(AuditLogTest, WhatIsAlteredRemovedOrInsertedIsFound) {
    write(5);
    const auto entries = page().entries;
    for (std::size_t at = 0; at < entries.size(); ++at) {
        for (std::size_t byte = 0; byte < entries[at].size(); ++byte) {
            auto altered = entries;
            altered[at][byte] = static_cast<char>(altered[at][byte] ^ 1);
            AuditChain chain;
            const auto verified = verify(altered, chain);
            // Of the newest, the head that the hub names is what finds it out.
            EXPECT_TRUE(!verified || chain.head() != page().head) << at << ' ' << byte;
        }
        auto removed = entries;
        removed.erase(removed.begin() + static_cast<std::ptrdiff_t>(at));
        AuditChain chain;
        EXPECT_TRUE(!verify(removed, chain) || chain.head() != page().head ||
                    chain.last() - chain.count() != 0)
            << at;
    }
    auto twice = entries;
    twice.insert(twice.begin() + 2, entries[2]);
    AuditChain chain;
    EXPECT_FALSE(verify(twice, chain));
}

TEST_F(AuditLogTest, ARestartGoesOnWithTheChain) {
    write(2);
    restart();
    write(2);
    AuditChain chain;
    const auto listed = page();
    ASSERT_EQ(listed.entries.size(), 4U);
    ASSERT_TRUE(verify(listed.entries, chain));
    EXPECT_EQ(chain.head(), listed.head);
}

TEST_F(AuditLogTest, KeepsABoundedNumberAndTheRestStillFits) {
    restart(10);
    write(10 + AuditLog::trimmed_at_once);
    const auto listed = page();
    EXPECT_EQ(listed.entries.size(), 10U);
    EXPECT_EQ(listed.first, AuditLog::trimmed_at_once + 1);
    AuditChain chain;
    ASSERT_TRUE(verify(listed.entries, chain));
    EXPECT_EQ(chain.head(), listed.head);
    restart(10);
    EXPECT_EQ(page().entries, listed.entries);
}

TEST_F(AuditLogTest, PagesFollowTheSequence) {
    write(5);
    EXPECT_EQ(page(0, 2).entries.size(), 2U);
    EXPECT_EQ(page(2, 2).entries[0], page().entries[2]);
    EXPECT_EQ(page(4).entries.size(), 1U);
    EXPECT_TRUE(page(5).entries.empty());
    EXPECT_TRUE(page(UINT64_MAX - 1).entries.empty());
}

TEST_F(AuditLogTest, AWriteReturnsWhenItsEntryIsDurable) {
    const auto writing = hub->begin(log().write(change("x")));
    hub->poll();
    EXPECT_FALSE(writing->has_value());
    hub->settle();
    EXPECT_TRUE(writing->has_value());
    restart();
    EXPECT_EQ(page().entries.size(), 1U);
}

TEST_F(AuditLogTest, APeersTextIsCutAndCannotBreakAnEntry) {
    AuditEntry entry = change("x");
    entry.agent = std::string("a\n\"\xff\xc3") + std::string(AuditLog::text_bytes_max, 'b');
    ASSERT_TRUE(hub->run(log().write(std::move(entry))));
    const auto listed = page();
    AuditChain chain;
    ASSERT_TRUE(verify(listed.entries, chain));
    EXPECT_NE(listed.entries[0].find(R"("agent":"a?\"??bbb)"), std::string::npos) << listed.entries[0];
    EXPECT_LT(listed.entries[0].size(), 2 * AuditLog::text_bytes_max);
}

TEST_F(AuditLogTest, NothingIsKeptIfItIsOff) {
    restart(0);
    write(2);
    EXPECT_EQ(page().last, 0U);
}

}  // namespace
}  // namespace carillon
