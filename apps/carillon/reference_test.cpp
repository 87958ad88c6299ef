#include "reference.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

Command described_program() {
    CommandOption source;
    source.positional = "source";
    source.type = "FILE";
    source.description = "A file, or\n- for standard input | \\dev\\stdin";
    source.is_required = true;
    CommandOption login;
    login.names = {"-l", "--login"};
    login.type = "TEXT";
    login.description = "Who";
    login.group = "Hub";
    Command import;
    import.name = "import";
    import.path = "device import";
    import.description = "Read devices";
    import.footer = ".lines that look like requests";
    import.options = {source, login};
    Command device;
    device.name = device.path = "device";
    device.description = "Devices";
    device.commands = {import};
    Command program;
    program.name = "carillon";
    program.description = "A hub";
    program.commands = {device};
    return program;
}

bool page_holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(ManualPage, HasEveryCommandAndEscapesWhatRoffWouldRead) {
    const std::string page = manual_page(described_program());
    EXPECT_TRUE(
        page_holds(page, ".SH device import\nRead devices.\n.P\ncarillon device import FILE [OPTIONS]\n"));
    EXPECT_TRUE(page_holds(page, "\\- for standard input | \\edev\\estdin"));
    EXPECT_TRUE(page_holds(page, "\n\\&.lines that look like requests"));
    EXPECT_TRUE(page_holds(page, ".TP\n\\fB8\\fR\n"));
}

TEST(MarkdownReference, SaysSharedOptionsOnce) {
    const std::string page = markdown_reference(described_program());
    EXPECT_TRUE(page_holds(page, "### carillon device import"));
    EXPECT_TRUE(
        page_holds(page, "| `FILE` (needed) | A file, or<br>- for standard input \\| \\dev\\stdin |"));
    const std::size_t first = page.find("`-l`, `--login` `TEXT`");
    ASSERT_NE(first, std::string::npos);
    EXPECT_GT(first, page.find("## Options of many commands"));
    EXPECT_EQ(page.find("`-l`, `--login`", first + 1), std::string::npos);
}

}  // namespace
}  // namespace carillon
