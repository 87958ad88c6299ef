#include "server/process/descriptors.hpp"

#include "store/rocks_store.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(Descriptors, AreReservedForTheStoreWhateverConnects) {
    const auto many = share_descriptors(20'000, 0);
    EXPECT_EQ(many.connections, 20'000 - DescriptorShares::reserved_max);
    EXPECT_EQ(many.store_files, RocksOptions().open_files_max);
    EXPECT_EQ(share_descriptors(20'000, 30'000).connections, many.connections);
}

TEST(Descriptors, OfFewHalfAreReserved) {
    const auto few = share_descriptors(400, 0);
    EXPECT_EQ(few.connections, 200U);
    EXPECT_EQ(few.store_files, 100);
}

TEST(Descriptors, AreGivenToNoMoreConnectionsThanWanted) {
    EXPECT_EQ(share_descriptors(20'000, 100).connections, 100U);
    EXPECT_EQ(share_descriptors(20'000, 100).store_files, RocksOptions().open_files_max);
}

}  // namespace
}  // namespace carillon
