// carillon mcp: a Model Context Protocol server over standard input and output.

#include "hub_flags.hpp"
#include "mcp/mcp_hub.hpp"
#include "mcp/mcp_session.hpp"

#include <cstdio>
#include <iostream>

namespace carillon {

namespace {

struct McpArgs {
    HubFlags hub;
    bool allows_changes = false;
};

/// Reads a line of at most `McpSession::message_bytes_max`. False at the end of the input, or with `is_long`
/// if there is more.
bool read_line(std::string& line, bool& is_long) {
    line.clear();
    for (int c = std::getc(stdin); c != EOF; c = std::getc(stdin)) {
        if (c == '\n') return true;
        if (line.size() == McpSession::message_bytes_max) {
            is_long = true;
            return false;
        }
        line += static_cast<char>(c);
    }
    return !line.empty();
}

Result<Exit> serve_model(const McpArgs& args) {
    if (args.hub.only_shows) return fail_usage("--dry-run has no meaning here: leave --allow-changes away");
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    std::vector<McpTool> tools = reading_tools(*client);
    if (args.allows_changes) {
        for (McpTool& tool : changing_tools(*client)) tools.push_back(std::move(tool));
    }
    McpSession session(std::move(tools), mcp_instructions(args.allows_changes));
    std::string line;
    bool is_long = false;
    while (read_line(line, is_long)) {
        if (line.find_first_not_of(" \t\r") == line.npos) continue;
        const auto answer = session.receive(line);
        if (!answer) continue;
        std::cout << *answer << '\n' << std::flush;
        if (!std::cout) return Exit::ok;  // The client has gone.
    }
    if (is_long) return fail(Errc::malformed_packet, "a message is longer than 1 MiB");
    return Exit::ok;
}

}  // namespace

void add_mcp(CLI::App& app, int& exit_code) {
    auto args = std::make_shared<McpArgs>();
    auto& command = *app.add_subcommand(
        "mcp",
        "Let a language model read the hub, by the Model Context Protocol on standard input and output");
    command.add_flag("--allow-changes", args->allows_changes,
                     "Offer the tools that create, pause, resume, promote and cancel jobs, too");
    add_hub_flags(command, args->hub);
    on_chosen(command, args, serve_model, exit_code);
}

}  // namespace carillon
