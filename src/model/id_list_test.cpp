#include "model/id_list.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

std::vector<std::string> ids_of(const IdList& list) {
    std::vector<std::string> ids;
    IdList::Reader in(list);
    while (const auto id = in.next()) ids.emplace_back(*id);
    return ids;
}

TEST(IdList, GivesEachIdOnceAndInOrder) {
    using Ids = std::vector<std::string>;
    const IdList list({"b", "door-10", "a", "door-1", "b", "door-2", "door-10"});
    EXPECT_EQ(ids_of(list), (Ids{"a", "b", "door-1", "door-10", "door-2"}));
    EXPECT_EQ(list.size(), 5U);
    EXPECT_EQ(list.text_bytes(), 21U);
    EXPECT_EQ(ids_of(IdList({"one"})), (Ids{"one"}));
    EXPECT_TRUE(ids_of(IdList()).empty());
}

TEST(IdList, TakesFewBytesForIdsThatBeginAlike) {
    std::vector<std::string> ids;
    for (int i = 0; i < 100'000; ++i) {
        const std::string digits = std::to_string(i);
        ids.push_back("factory-hall-7-line-of-machines-with-a-long-name-" +
                      std::string(6 - digits.size(), '0') + digits);
    }
    const IdList list(std::vector<std::string_view>(ids.begin(), ids.end()));
    EXPECT_EQ(list.size(), ids.size());
    EXPECT_LT(list.memory(), 4 * ids.size());
    EXPECT_EQ(ids_of(list), ids);
}

TEST(IdList, IsStoredAsItIsAndCutOrUnsortedOnesAreRefused) {
    const IdList list({"door-1", "door-10", "door-2"});
    const auto again = IdList::decode(list.block());
    ASSERT_TRUE(again);
    EXPECT_EQ(ids_of(*again), ids_of(list));
    EXPECT_EQ(again->size(), list.size());
    EXPECT_EQ(again->text_bytes(), list.text_bytes());
    for (std::size_t size = 1; size < list.block().size(); ++size) {
        const auto cut = IdList::decode(list.block().substr(0, size));
        EXPECT_TRUE(!cut || cut->size() < list.size()) << size;
    }
    using namespace std::string_literals;
    EXPECT_EQ(IdList::decode("\0\1b\0\1a"s).error().code, Errc::store_corrupt);
    EXPECT_FALSE(IdList::decode("\0\1a\0\1a"s)) << "twice the same";
    EXPECT_FALSE(IdList::decode("\1\1a"s)) << "shares what is not there";
}

}  // namespace
}  // namespace carillon
