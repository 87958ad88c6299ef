#include "core/shard/key_order.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <random>
#include <string>

namespace carillon {
namespace {

IdentityKey numbered_key(int number) {
    return *IdentityKey::parse("d" + std::to_string(1'000'000 + number));
}

/// What a walk gives from `from` on, without what is gone.
std::vector<Ordinal> walked(const Directory& directory, const KeyOrder& order, const Record* from) {
    std::vector<Ordinal> given;
    KeyOrder::Walk walk(order, from);
    while (const auto ordinal = walk.next()) {
        if (directory.find(*ordinal) != nullptr) given.push_back(*ordinal);
    }
    return given;
}

std::vector<Ordinal> expected(const Directory& directory, const Record* from) {
    std::vector<Ordinal> ordinals;
    for (; from != nullptr; from = directory.next(*from)) ordinals.push_back(from->ordinal);
    return ordinals;
}

TEST(KeyOrder, IsThatOfTheDirectoryWhateverComesAndGoesWhileItIsBuiltAndAfter) {
    std::mt19937_64 random(7);
    Directory directory;
    KeyOrder order(directory);
    auto below = [&random](std::size_t end) { return static_cast<int>(random() % end); };
    auto change = [&](std::size_t times) {
        for (std::size_t i = 0; i < times; ++i) {
            if (Record* found = directory.find(numbered_key(below(20'000)))) {
                const Ordinal ordinal = found->ordinal;
                directory.remove(*found);
                // The index learns of it late, if at all.
                if (below(3) > 0) order.remove(ordinal);
            } else if (const auto fresh = numbered_key(below(20'000)); directory.find(fresh) == nullptr) {
                order.add(directory.add(fresh));
            }
        }
    };
    for (int i = 0; i < 20'000; i += 3) directory.add(numbered_key(i));
    while (order.build(100)) change(50);
    for (int round = 0; round < 20; ++round) {
        change(1000);
        const Record* from =
            round == 0 ? directory.first() : directory.lower_bound(numbered_key(below(20'000)));
        ASSERT_EQ(walked(directory, order, from), expected(directory, from));
    }
    EXPECT_GT(directory.size(), 5 * KeyOrder::block_rows_max);
}

TEST(KeyOrder, BlocksThatFillAreHalvedAndEmptyOnesUsedAgain) {
    Directory directory;
    KeyOrder order(directory);
    EXPECT_FALSE(order.build(1));
    const int count = static_cast<int>(KeyOrder::block_rows_max) * 4;
    for (int round = 0; round < 3; ++round) {
        // Downwards, so that each goes before all others.
        for (int i = count; i > 0; --i) order.add(directory.add(numbered_key(i)));
        EXPECT_EQ(walked(directory, order, directory.first()), expected(directory, directory.first()));
        for (int i = count; i > 0; --i) {
            Record& record = *directory.find(numbered_key(i));
            order.remove(record.ordinal);
            directory.remove(record);
        }
        EXPECT_FALSE(KeyOrder::Walk(order, directory.first()).next());
    }
    EXPECT_LT(order.bytes(), 100 * KeyOrder::block_rows_max) << "what is gone takes no blocks";
}

TEST(KeyOrder, ACreationUnderWayIsPassedOver) {
    Directory directory;
    KeyOrder order(directory);
    directory.add(numbered_key(1));
    EXPECT_FALSE(order.build(1));
    const Record& pending = directory.add(numbered_key(0));
    EXPECT_EQ(walked(directory, order, &pending), std::vector<Ordinal>{0});
}

}  // namespace
}  // namespace carillon
