#include "entry_lines.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(EntryBatch, GathersWhatFitsOneRequest) {
    EntryBatch batch;
    RefusedLine refused;
    EXPECT_EQ(batch.add(R"({"id":"a"})", 4, refused), EntryBatch::Added::yes);
    EXPECT_EQ(batch.add(R"({"id":"a","moduleId":"m"})", 5, refused), EntryBatch::Added::yes);
    EXPECT_EQ(batch.body(), R"([{"id":"a"},{"id":"a","moduleId":"m"}])");
    EXPECT_EQ(batch.first_line(), 4U);
    EXPECT_EQ(batch.last_line(), 5U);
    EXPECT_EQ(batch.add(R"({"id":"a","importMode":"delete"})", 6, refused), EntryBatch::Added::full)
        << "no identity stands twice in one request";
    batch.clear();
    EXPECT_EQ(batch.add(R"({"id":"a","importMode":"delete"})", 6, refused), EntryBatch::Added::yes);

    batch.clear();
    for (std::size_t i = 0; i < EntryBatch::entries_max; ++i) {
        EXPECT_EQ(batch.add("{\"id\":\"d" + std::to_string(i) + "\"}", i + 1, refused),
                  EntryBatch::Added::yes);
    }
    EXPECT_EQ(batch.add(R"({"id":"one-more"})", 101, refused), EntryBatch::Added::full);

    batch.clear();
    const std::string large = R"({"id":"x","statusReason":")" + std::string(400 * 1024, 'r') + "\"}";
    EXPECT_EQ(batch.add(large, 1, refused), EntryBatch::Added::yes);
    EXPECT_EQ(batch.add(R"({"id":"y","statusReason":")" + std::string(200 * 1024, 'r') + "\"}", 2, refused),
              EntryBatch::Added::full);
}

TEST(EntryBatch, RefusesWhatNoHubWouldTake) {
    EntryBatch batch;
    RefusedLine refused;
    EXPECT_EQ(batch.add("nonsense", 7, refused), EntryBatch::Added::refused);
    EXPECT_EQ(refused.line, 7U);
    EXPECT_NE(refused.json.find(R"("line":7,"deviceId":"","errorCode":"IotHubFormatError")"),
              std::string::npos);
    EXPECT_EQ(batch.add(R"({"id":"a b"})", 8, refused), EntryBatch::Added::refused);
    EXPECT_TRUE(batch.is_empty());
    EXPECT_EQ(EntryBatch("delete").add("nonsense", 7, refused), EntryBatch::Added::refused);
}

TEST(EntryBatch, FindsTheLinesOfErrors) {
    EntryBatch batch;
    RefusedLine refused;
    batch.add(R"({"id":"a"})", 10, refused);
    batch.add(R"({"id":"a","moduleId":"m"})", 12, refused);
    const auto found = batch.read_answer(
        R"({"isSuccessful":false,"errors":[{"deviceId":"a","moduleId":"m","errorCode":"X","errorStatus":"x"},)"
        R"({"deviceId":"a","errorCode":"Y","errorStatus":"y"}],"warnings":[]})");
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[0].json, R"({"line":10,"deviceId":"a","errorCode":"Y","errorStatus":"y"})");
    EXPECT_EQ((*found)[1].json,
              R"({"line":12,"deviceId":"a","moduleId":"m","errorCode":"X","errorStatus":"x"})");
    EXPECT_TRUE(batch.read_answer(R"({"isSuccessful":true,"errors":[],"warnings":[]})")->empty());
    EXPECT_FALSE(batch.read_answer("[]"));
    EXPECT_FALSE(batch.read_answer("{"));
}

TEST(EntryBatch, PutsOneModeInPlaceOfEach) {
    EntryBatch batch("createOrUpdate");
    RefusedLine refused;
    batch.add(R"({"importMode":"create","id":"a","tags":{"x":1.0}})", 1, refused);
    EXPECT_EQ(batch.body(), R"([{"id":"a","tags":{"x":1.0},"importMode":"createOrUpdate"}])");
    EXPECT_TRUE(is_import_mode("CREATE"));
    EXPECT_FALSE(is_import_mode("explode"));
}

TEST(TransferWords, TellUrisFromFilesAndProgressInALine) {
    EXPECT_TRUE(is_container_uri("https://x/y?z"));
    EXPECT_TRUE(is_container_uri("File:moves"));
    EXPECT_TRUE(is_container_uri("http://127.0.0.1/c"));
    EXPECT_FALSE(is_container_uri("devices.txt"));
    EXPECT_FALSE(is_container_uri("files/x"));
    EXPECT_EQ(transfer_progress_line(1, 0, 0.1, {}), "1 line");
    EXPECT_EQ(transfer_progress_line(12'300, 4, 2, 41), "12,300 lines (41 %), 6,150/s, 4 refused");
}

}  // namespace
}  // namespace carillon
