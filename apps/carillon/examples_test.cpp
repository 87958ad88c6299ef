#include "examples.hpp"

#include "terminal_text.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace carillon {
namespace {

TEST(PlainWords, HelpAndVersionAreWhatTheirOptionsAre) {
    using Words = std::vector<std::string>;
    EXPECT_EQ(without_plain_words({"help"}), Words{"--help"});
    EXPECT_EQ(without_plain_words({"help", "job", "create"}), (Words{"job", "create", "--help"}));
    EXPECT_EQ(without_plain_words({"version"}), Words{"--version"});
    EXPECT_EQ(without_plain_words({"query", "help"}), (Words{"query", "help"}));
    EXPECT_EQ(without_plain_words({}), Words{});
}

const std::string help =
    "Delete a device with its twin\n"
    "Usage: carillon device delete [OPTIONS] device\n\n"
    "Options:\n"
    "  -h,--help                       Print this help message and exit\n"
    "  -e,--etag TEXT                  Only if it still has this etag, which an answer before gave, and else "
    "not [any]\n";

TEST(WrappedHelp, GoesOnBelowTheDescription) {
    for (const std::size_t width : {30, 40, 60, 67, 68, 80, 120}) {
        const std::string text = wrapped_help(help, width);
        std::string_view left = text;
        while (!left.empty()) {
            const std::size_t end = left.find('\n');
            EXPECT_LE(cells_of(left.substr(0, end)), width) << left.substr(0, end);
            left.remove_prefix(end + 1);
        }
    }
    const std::string text = wrapped_help(help, 80);
    EXPECT_NE(text.find("                                  answer before gave"), text.npos) << text;
}

TEST(WrappedHelp, GoesOnBelowTheNamesWhereThereIsLittleRoomBesideThem) {
    EXPECT_NE(
        wrapped_help(help, 40).find("  -e,--etag TEXT\n      Only if it still has this etag,\n      which"),
        std::string::npos)
        << wrapped_help(help, 40);
    const std::string word(50, 'w');
    EXPECT_EQ(wrapped_help("  -k,--content TEXT REQUIRED      " + word + "\n", 80),
              "  -k,--content TEXT REQUIRED\n      " + word + "\n");
}

TEST(WrappedHelp, LeavesPipesAndWideTerminalsAlone) {
    EXPECT_EQ(wrapped_help(help, 0), help);
    EXPECT_EQ(wrapped_help(help, 200), help);
}

TEST(Examples, BeginWithTheirCommand) {
    for (const Example& example : examples()) {
        EXPECT_NE(example.line.find("carillon " + std::string(example.path)), example.line.npos)
            << example.line;
    }
}

}  // namespace
}  // namespace carillon
