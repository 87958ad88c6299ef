#include "text_input.hpp"

#include "json_text.hpp"

#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>

namespace carillon {
namespace {

using namespace std::string_literals;

TEST(WithoutByteOrderMark, SkipsThatOfUtf8) {
    EXPECT_EQ(*without_byte_order_mark("\xEF\xBB\xBF{}"), "{}");
    EXPECT_EQ(*without_byte_order_mark("{}"), "{}");
    EXPECT_EQ(*without_byte_order_mark(""), "");
}

TEST(WithoutByteOrderMark, NamesUtf16) {
    for (const std::string& text : {"\xFF\xFE{\0}\0"s, "\xFE\xFF\0{\0}"s, "{\0}\0"s, "\0{\0}"s}) {
        const auto taken = without_byte_order_mark(text);
        ASSERT_FALSE(taken);
        EXPECT_NE(taken.error().detail.find("UTF-16"), std::string::npos);
    }
}

TEST(PlaceIn, CountsLinesAndCharactersFromOne) {
    EXPECT_EQ(place_in("abc", 0), "line 1, column 1");
    EXPECT_EQ(place_in("{\n \"é\": x}", 9), "line 2, column 7");
    EXPECT_EQ(place_in("a", 99), "line 1, column 2");
}

/// A file that is gone with the test.
struct TemporaryFile {
    explicit TemporaryFile(const std::string& text)
        : path((std::filesystem::temp_directory_path() / "carillon-text-input-test.json").string()) {
        std::ofstream(path, std::ios::binary) << text;
    }
    ~TemporaryFile() { std::filesystem::remove(path); }
    std::string path;
};

std::string failure_of(const std::string& argument) {
    const auto read = read_json_argument("--tags", argument);
    return read ? "none" : read.error().detail;
}

TEST(ReadJsonArgument, ReadsAFileBehindAByteOrderMark) {
    const TemporaryFile file("\xEF\xBB\xBF{\"a\":1}");
    EXPECT_EQ(*read_json_argument("--tags", '@' + file.path), "{\"a\":1}");
}

TEST(ReadJsonArgument, NamesTheFileAndThePlaceOfAFault) {
    const TemporaryFile file("{\n  \"a\": 1,\n  b: 2\n}");
    const std::string said = failure_of('@' + file.path);
    EXPECT_EQ(said.find("--tags: " + file.path + ", line 3, column 3: "), 0U) << said;
    EXPECT_EQ(said.find("@FILE"), std::string::npos) << "it is a file already: " << said;
}

TEST(ReadJsonArgument, SaysWhatAnEmptyFileAndADirectoryAre) {
    const TemporaryFile file("");
    EXPECT_NE(failure_of('@' + file.path).find("is empty"), std::string::npos);
    const std::string folder = std::filesystem::temp_directory_path().string();
    EXPECT_NE(failure_of('@' + folder).find("is a directory"), std::string::npos);
    EXPECT_NE(failure_of("@/no/such/file").find("/no/such/file: No such file"), std::string::npos);
}

TEST(ReadJsonArgument, ExplainsTheWayAFileIsGiven) {
    const TemporaryFile file("{}");
    EXPECT_NE(failure_of(file.path).find("for the file write @" + file.path), std::string::npos);
    EXPECT_NE(failure_of("{a:1}").find("quote it for the shell"), std::string::npos);
}

}  // namespace
}  // namespace carillon
