#include "core/transfers/import_input.hpp"

#include "core/testing/blob_testing.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using testing::MemoryBlobs;

ImportInput open(MemoryBlobs& blobs, const std::string& text, const ImportLimits& limits,
                 std::uint64_t offset = 0, std::uint64_t lines = 0) {
    blobs.files["mem:x/devices.txt"] = text;
    return {*blobs.open("mem:x", "devices.txt", offset), limits, 1, offset, lines};
}

/// All chunks of `text`, told as `line:id` and `line!` for a bad one.
std::string told(const std::string& text, const ImportLimits& limits) {
    MemoryBlobs blobs;
    ImportInput input = open(blobs, text, limits);
    std::string all;
    for (;;) {
        const auto chunk = input.next();
        if (!chunk) return "failed: " + chunk.error().detail;
        for (std::size_t i = 0; i < chunk->shares[0].lines.size(); ++i) {
            all += std::to_string(chunk->shares[0].lines[i]) + ":" +
                   chunk->shares[0].entries[i].key().device.str() + " ";
        }
        for (const auto& bad : chunk->bad) all += std::to_string(bad.line) + "! ";
        if (chunk->skipped_heading) all += "heading ";
        if (!chunk->is_last) continue;
        if (chunk->offset != text.size()) all += "offset " + std::to_string(chunk->offset);
        return all;
    }
}

TEST(ImportInput, LinesEndHoweverTheyLike) {
    EXPECT_EQ(told("", {}), "");
    EXPECT_EQ(told("{\"id\":\"a\"}", {}), "1:a ");
    EXPECT_EQ(told("{\"id\":\"a\"}\n", {}), "1:a ");
    EXPECT_EQ(told("{\"id\":\"a\"}\r\n\r\n  \n{\"id\":\"b\"}\n", {}), "1:a 4:b ");
    EXPECT_EQ(told("\xEF\xBB\xBF{\"id\":\"a\"}\n", {}), "1:a ");
}

TEST(ImportInput, AHeadingIsSkippedAndBadLinesAreReported) {
    EXPECT_EQ(told("These devices have no keys.\n{\"id\":\"a\"}\nnonsense\n", {}), "2:a 3! heading ");
    EXPECT_EQ(told("{\"id\":\"a\n{\"id\":\"b\"}\n", {}), "2:b 1! ");
}

TEST(ImportInput, ALineBeyondTheLimitIsRefusedAndTheNextIsRead) {
    ImportLimits limits;
    limits.line_bytes_max = 32;
    for (const std::size_t read : {1U, 7U, 4096U}) {
        limits.read_bytes_max = read;
        const std::string fits = "{\"id\":\"" + std::string(32 - 9, 'f') + "\"}";
        const std::string over = "{\"id\":\"" + std::string(33 - 9, 'o') + "\"}";
        EXPECT_EQ(told(fits + "\n" + over + "\n{\"id\":\"b\"}\n" + std::string(500, 'x'), limits),
                  "1:" + std::string(32 - 9, 'f') + " 3:b 2! 4! ");
    }
}

TEST(ImportInput, ChunksAreBoundedInLinesAndBytes) {
    std::string text;
    for (int i = 0; i < 10; ++i) text += "{\"id\":\"d" + std::to_string(i) + "\"}\n";
    MemoryBlobs blobs;
    ImportLimits limits;
    limits.chunk_lines_max = 4;
    ImportInput by_lines = open(blobs, text, limits);
    EXPECT_EQ(by_lines.next()->lines, 4U);
    EXPECT_EQ(by_lines.next()->lines, 8U);
    const auto last = by_lines.next();
    EXPECT_EQ(last->lines, 10U);
    EXPECT_TRUE(last->is_last);
    limits.chunk_lines_max = 100;
    limits.chunk_bytes_max = 30;
    ImportInput by_bytes = open(blobs, text, limits);
    EXPECT_EQ(by_bytes.next()->lines, 3U);
}

TEST(ImportInput, ContinuesFromAGivenPlace) {
    const std::string text = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n";
    MemoryBlobs blobs;
    ImportLimits limits;
    limits.chunk_lines_max = 1;
    const auto first = open(blobs, text, limits).next();
    ASSERT_TRUE(first);
    const auto second = open(blobs, text, limits, first->offset, first->lines).next();
    ASSERT_EQ(second->shares[0].lines.size(), 1U);
    EXPECT_EQ(second->shares[0].lines[0], 2U);
    EXPECT_EQ(second->shares[0].entries[0].key().device.str(), "b");
}

}  // namespace
}  // namespace carillon
