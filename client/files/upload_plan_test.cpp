#include "files/upload_plan.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(UploadAddress, IsWhatTheHubNames) {
    const auto address = parse_upload_address(
        R"({"correlationId":"c","hostName":"hub.example:8443","containerName":"files","blobName":"d/a b/\u00fc.txt",)"
        R"("sasToken":"?sig=1%2B"})");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->correlation_id, "c");
    EXPECT_EQ(address->host, "hub.example");
    EXPECT_EQ(address->port, 8443);
    EXPECT_EQ(address->target, "/files/d/a%20b/%C3%BC.txt?sig=1%2B");
    EXPECT_EQ(
        parse_upload_address(
            R"({"correlationId":"c","hostName":"h","containerName":"f","blobName":"d/a","sasToken":"?s"})")
            ->port,
        443);
}

TEST(UploadAddress, IsRefusedWhereSomethingIsMissing) {
    for (
        const char* answer :
        {"", "[]", "{}",
         R"({"correlationId":"","hostName":"h","containerName":"f","blobName":"d/a","sasToken":"?s"})",
         R"({"correlationId":"c","hostName":"","containerName":"f","blobName":"d/a","sasToken":"?s"})",
         R"({"correlationId":"c","hostName":"h:0","containerName":"f","blobName":"d/a","sasToken":"?s"})",
         R"({"correlationId":"c","hostName":"h:99999","containerName":"f","blobName":"d/a","sasToken":"?s"})",
         R"({"correlationId":"c","hostName":"h","containerName":"","blobName":"d/a","sasToken":"?s"})",
         R"({"correlationId":"c","hostName":"h","containerName":"f","blobName":"d/a","sasToken":""})"}) {
        EXPECT_FALSE(parse_upload_address(answer)) << answer;
    }
}

TEST(BlockList, NamesBlocksOfOneLengthInTheirOrder) {
    EXPECT_EQ(block_id(0).size(), block_id(12'345'678).size());
    EXPECT_EQ(block_list_xml(2), "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Latest>" +
                                     block_id(0) + "</Latest><Latest>" + block_id(1) +
                                     "</Latest></BlockList>");
}

}  // namespace
}  // namespace carillon
