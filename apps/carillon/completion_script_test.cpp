// What the scripts say; that shells complete by them is tests/cli's business.

#include "completion_script.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

CommandOption option(std::vector<std::string> names, std::string type,
                     std::string description = "It's this") {
    CommandOption made;
    made.names = std::move(names);
    made.type = std::move(type);
    made.description = std::move(description);
    return made;
}

Command completed_program() {
    Command show;
    show.name = "show";
    show.path = "device show";
    show.description = "Print a device: all of it";
    show.options = {option({"-h", "--help"}, ""), option({"-d", "--device-id"}, "DEVICE"),
                    option({"--job-id"}, "JOB"), option({"--ca"}, "FILE"), option({"--context"}, "CONTEXT")};
    show.options.push_back(option({"-o", "--output"}, "FORMAT"));
    show.options.back().choices = {"json", "csv"};
    Command device;
    device.name = device.path = "device";
    device.description = "Devices";
    device.commands = {show};
    Command program;
    program.name = "carillon";
    program.commands = {device};
    return program;
}

bool script_holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(CompletionScript, OfBashHasCommandsFlagsAndValues) {
    const std::string script = bash_completion(completed_program());
    EXPECT_TRUE(script_holds(script, "'')\n        commands='device'"));
    EXPECT_TRUE(script_holds(
        script,
        "'device show')\n        flags='-h --help -d --device-id --job-id --ca --context -o --output'"));
    EXPECT_TRUE(script_holds(script,
                             "-d=@device --device-id=@device --job-id=@job --ca=@file --context=@context "
                             "-o=json,csv --output=json,csv"));
}

TEST(CompletionScript, OfZshSaysWhatEachIsFor) {
    const std::string script = zsh_completion(completed_program());
    EXPECT_TRUE(script.starts_with("#compdef carillon\n"));
    EXPECT_TRUE(script_holds(script, R"('show:Print a device\: all of it')"));
    EXPECT_TRUE(script_holds(script, R"('--ca:It'\''s this')"));
}

TEST(CompletionScript, OfFishKnowsWhichOptionsHaveValues) {
    const std::string script = fish_completion(completed_program());
    EXPECT_TRUE(script_holds(script, "'device show --device-id'"));
    EXPECT_FALSE(script_holds(script, "'device show --help'"));
    EXPECT_TRUE(script_holds(script, R"(-s o -l output -x -a 'json csv' -d 'It\'s this')"));
    EXPECT_TRUE(script_holds(script, "-l ca -r -F"));
}

}  // namespace
}  // namespace carillon
