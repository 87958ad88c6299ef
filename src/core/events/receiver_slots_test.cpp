#include "core/events/receiver_slots.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace carillon {
namespace {

using Answer = ReceiverSlots::Answer;
using Refusal = ReceiverSlots::Refusal;

struct ReceiverSlotsTest : ::testing::Test {
    Answer take(std::optional<std::int64_t> epoch, std::string_view group = "g",
                std::uint32_t partition = 0) {
        const std::size_t number = ousted.size();
        ousted.push_back(0);
        return slots.take(group, partition, epoch, [this, number] { ++ousted[number]; });
    }
    ReceiverSlots slots;
    std::vector<int> ousted;  ///< How often each, in the order in which they came.
};

TEST_F(ReceiverSlotsTest, OfAHigherOrTheSameEpochTakeTheOldOnesPlace) {
    const Answer first = take(1);
    ASSERT_TRUE(first.slot);
    EXPECT_EQ(take(0).refusal, Refusal::lower_epoch);
    const Answer same = take(1);
    EXPECT_TRUE(same.slot);
    const Answer higher = take(7);
    EXPECT_TRUE(higher.slot);
    EXPECT_EQ(ousted, (std::vector<int>{1, 0, 1, 0}));
}

TEST_F(ReceiverSlotsTest, WithAnEpochKeepOutThoseWithout) {
    std::optional<Answer> shared = take(std::nullopt);
    const Answer alone = take(0);
    ASSERT_TRUE(alone.slot);
    EXPECT_EQ(ousted, (std::vector<int>{1, 0}));
    EXPECT_FALSE(take(std::nullopt).slot);
    shared.reset();  // What was ousted has no place to give back.
    EXPECT_FALSE(take(std::nullopt).slot);
}

TEST_F(ReceiverSlotsTest, WithoutEpochsAreFiveOfAPartitionAndGroup) {
    std::vector<Answer> all;
    for (std::size_t i = 0; i < ReceiverSlots::shared_max; ++i) all.push_back(take(std::nullopt, "Group"));
    const Answer refused = take(std::nullopt, "gROUP");
    EXPECT_FALSE(refused.slot);
    EXPECT_EQ(refused.refusal, Refusal::too_many);
    EXPECT_TRUE(take(std::nullopt, "other").slot);
    EXPECT_TRUE(take(std::nullopt, "group", 1).slot);
    all.pop_back();
    EXPECT_TRUE(take(std::nullopt, "group").slot);
}

TEST_F(ReceiverSlotsTest, AreFreeWhenTheirReaderHasGone) {
    { const Answer gone = take(9); }
    EXPECT_TRUE(take(std::nullopt).slot);
    EXPECT_EQ(ousted[0], 0);
}

}  // namespace
}  // namespace carillon
