#include "usage_mistake.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

Command small_program() {
    CommandOption id;
    id.names = {"-d", "--device-id"};
    id.type = "ID";
    Command create;
    create.name = "create";
    create.path = "device create";
    create.options = {id};
    Command show;
    show.name = "show";
    show.path = "device show";
    Command device;
    device.name = device.path = "device";
    device.commands = {create, show};
    Command program;
    program.name = "carillon";
    program.commands = {device};
    return program;
}

TEST(UsageMistake, NamesTheNearestCommand) {
    EXPECT_EQ(explain_mistake(small_program(), {"device", "crate"}, {"crate"}, ""),
              "carillon: there is no command 'crate' of `carillon device`; did you mean create?\n"
              "  `carillon device --help` says more.\n");
    EXPECT_EQ(explain_mistake(small_program(), {"device", "shwo", "-d", "x"}, {"shwo", "-d", "x"}, ""),
              "carillon: there is no command 'shwo' of `carillon device`; did you mean show?\n"
              "  `carillon device --help` says more.\n");
    EXPECT_EQ(explain_mistake(small_program(), {"xyz"}, {"xyz"}, ""),
              "carillon: there is no command 'xyz' of `carillon`\n  `carillon --help` says more.\n");
}

TEST(UsageMistake, NamesTheNearestOption) {
    const auto text =
        explain_mistake(small_program(), {"device", "create", "--device", "x"}, {"x", "--device"}, "");
    EXPECT_EQ(text,
              "carillon: `carillon device create` has no option --device; did you mean --device-id?\n"
              "  `carillon device create --help` says more.\n");
}

TEST(UsageMistake, ListsTheCommandsWhereOneIsWanted) {
    EXPECT_EQ(explain_mistake(small_program(), {"device"}, {}, "A subcommand is required"),
              "carillon: `carillon device` needs a command: create, show\n"
              "  `carillon device --help` says more.\n");
}

TEST(UsageMistake, PassesOnWhatElseTheParserSays) {
    EXPECT_EQ(explain_mistake(small_program(), {"device", "create"}, {}, "--device-id is required"),
              "carillon: --device-id is required\n  `carillon device create --help` says more.\n");
}

TEST(ExplainMistake, KnowsTheWordsOfOtherCommandLines) {
    const Command program = small_program();
    EXPECT_NE(explain_mistake(program, {"device-identity", "list"}, {"device-identity", "list"}, "")
                  .find("here that is `carillon device`"),
              std::string::npos);
    EXPECT_NE(explain_mistake(program, {"invoke-device-method"}, {"invoke-device-method"}, "")
                  .find("here that is `carillon method invoke`"),
              std::string::npos);
    EXPECT_NE(explain_mistake(program, {"device", "create", "--query", "[].x"}, {"--query"}, "").find("jq"),
              std::string::npos);
    EXPECT_NE(explain_mistake(program, {"device", "create", "--query=[].x"}, {"--query=[].x"}, "").find("jq"),
              std::string::npos);
}

}  // namespace
}  // namespace carillon
