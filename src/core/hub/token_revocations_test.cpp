#include "core/hub/token_revocations.hpp"

#include "store/memory_store.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

struct TokenRevocationsTest : ::testing::Test {
    static DeviceId id(std::string_view text) { return *DeviceId::parse(text); }
    WallTime at(std::int64_t s) const { return WallTime::from_unix_s(s); }

    Result<> revoke(std::string_view device, std::int64_t up_to, std::int64_t now = 1000) {
        Batch batch;
        if (auto staged = revocations.stage(id(device), at(up_to), at(now), batch); !staged) return staged;
        EXPECT_TRUE(store.commit(batch));
        revocations.set(id(device), at(up_to), at(now));
        return {};
    }

    MemoryStore store;
    TokenRevocations revocations;
};

TEST_F(TokenRevocationsTest, RefuseTokensThatEndByThenAndNoOthers) {
    EXPECT_FALSE(revocations.refuses(id("pump"), at(1)));
    ASSERT_TRUE(revoke("pump", 4600));
    EXPECT_TRUE(revocations.refuses(id("pump"), at(4600)));
    EXPECT_FALSE(revocations.refuses(id("pump"), at(4601)));
    EXPECT_FALSE(revocations.refuses(id("pump-2"), at(2000)));
    EXPECT_FALSE(revocations.refuses(id("Pump"), at(2000)));
}

TEST_F(TokenRevocationsTest, AreReadAgainUntilTheyAreLifted) {
    ASSERT_TRUE(revoke("pump", 4600));
    ASSERT_TRUE(revoke("valve", 5000));
    Batch batch;
    revocations.stage_removal(id("valve"), batch);
    ASSERT_TRUE(store.commit(batch));
    revocations.remove(id("valve"));
    EXPECT_FALSE(revocations.refuses(id("valve"), at(1)));
    TokenRevocations again;
    ASSERT_TRUE(again.load(store));
    EXPECT_EQ(again.find(id("pump")), at(4600));
    EXPECT_EQ(again.find(id("valve")), std::nullopt);
}

TEST_F(TokenRevocationsTest, ThatAreOverAreForgottenAtTheNext) {
    ASSERT_TRUE(revoke("pump", 2000));
    ASSERT_TRUE(revoke("valve", 9000, 2000 + TokenRevocations::skew_s));
    EXPECT_TRUE(revocations.find(id("pump"))) << "a token that ended then is still accepted for its skew";
    ASSERT_TRUE(revoke("door", 9000, 2001 + TokenRevocations::skew_s));
    EXPECT_FALSE(revocations.find(id("pump")));
    EXPECT_EQ(store.size(Table::meta), 2U);
}

TEST_F(TokenRevocationsTest, AreFewAndOneThatIsThereCanBeMoved) {
    for (std::size_t i = 0; i < TokenRevocations::count_max; ++i) {
        ASSERT_TRUE(revoke("d" + std::to_string(i), 9000));
    }
    EXPECT_EQ(revoke("one-more", 9000).error().code, Errc::throttling_exception);
    EXPECT_TRUE(revoke("d7", 9500));
    EXPECT_EQ(revocations.find(id("d7")), at(9500));
}

TEST_F(TokenRevocationsTest, ThatDoNotParseAreNotTakenForNone) {
    Batch batch;
    batch.put(Table::meta, "revoked-tokens/pump", "soon");
    ASSERT_TRUE(store.commit(batch));
    EXPECT_EQ(revocations.load(store).error().code, Errc::store_corrupt);
}

}  // namespace
}  // namespace carillon
