#include "endpoint/rest/files/blob_exchange.hpp"

#include <gtest/gtest.h>

namespace carillon::rest {
namespace {

TEST(BlockList, NamesBlocksInTheirOrder) {
    const auto ids = parse_block_list(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList>\n <Latest>MDAx</Latest> "
        "<Uncommitted>MDAy</Uncommitted>"
        "<Committed>MDAx</Committed></BlockList>\n");
    ASSERT_TRUE(ids);
    EXPECT_EQ(*ids, (std::vector<std::string>{"001", "002", "001"}));
    EXPECT_TRUE(parse_block_list("<BlockList/>")->empty());
    EXPECT_TRUE(parse_block_list("<BlockList></BlockList>")->empty());
}

TEST(BlockList, IsRefusedWhereItIsMalformed) {
    for (const char* text :
         {"", "<BlockList>", "</BlockList><BlockList>", "<BlockList><Latest>MDAx</BlockList>",
          "<BlockList><Latest>?</Latest></BlockList>", "<BlockList><Latest></Latest></BlockList>",
          "<BlockList>MDAx</BlockList>", "<BlockList><Other>MDAx</Other></BlockList>",
          "<BlockList><Latest>MDAx</Latest>x</BlockList>"}) {
        EXPECT_FALSE(parse_block_list(text)) << text;
    }
}

TEST(BlobExchange, IsForAddressesOfTheContainerOnly) {
    EXPECT_TRUE(BlobExchange::is_for("/device-files/d/f?sig=1"));
    EXPECT_FALSE(BlobExchange::is_for("/device-files"));
    EXPECT_FALSE(BlobExchange::is_for("/device-files2/d/f"));
    EXPECT_FALSE(BlobExchange::is_for("/devices/d/files"));
}

}  // namespace
}  // namespace carillon::rest
