// carillon audit: who changed what in a hub.

#include "base/json.hpp"
#include "core/hub/audit_log.hpp"
#include "hub_flags.hpp"
#include "operate/operator_commands.hpp"
#include "terminal_text.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>

namespace carillon {
namespace {

struct AuditArgs {
    HubFlags hub;
    std::uint64_t top = 50;
    std::uint64_t after = 0;
    std::string file;
    std::string head;
};

/// What a page says of the whole log.
struct Extent {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::string head;
};

std::uint64_t number_of(JsonValue value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.integer().value_or(0)));
}

/// The log's extent, and the entries behind `after`, oldest first, at most `count` of them.
Result<std::string> find_page(ServiceClient& client, std::uint64_t after, std::size_t count) {
    const std::string target =
        "/carillon/audit?after=" + std::to_string(after) + "&top=" + std::to_string(count);
    return client.send({.method = "GET", .target = target, .body = {}});
}

/// Calls `take` with the bytes of each entry behind `after`, oldest first, up to the one that was the newest
/// when this began; gives what the log was then.
Result<Extent> walk(ServiceClient& client, std::uint64_t after,
                    const std::function<Result<>(std::string_view)>& take) {
    Extent extent;
    bool is_first = true;
    for (;;) {
        const auto text = find_page(client, after, AuditLog::page_entries_max);
        if (!text) return fail(text.error());
        const auto document = JsonDocument::parse(*text);
        if (!document) return fail(document.error());
        const JsonValue root = document->root();
        if (is_first) {
            extent = {number_of(root.find("first")), number_of(root.find("last")),
                      std::string(root.find("head").string())};
        }
        is_first = false;
        const std::uint64_t before = after;
        const JsonValue entries = root.find("entries");
        for (JsonValue entry = entries.first(); entry.exists() && after < extent.last; entry = entry.next()) {
            if (auto taken = take(entry.raw()); !taken) return fail(std::move(taken).error());
            after = number_of(entry.find("sequence"));
        }
        if (after >= extent.last || after == before) return extent;
    }
}

Result<Exit> list(const AuditArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    std::uint64_t after = args.after;
    if (after == 0) {
        const auto text = find_page(*client, 0, 1);
        if (!text) return fail(text.error());
        const auto document = JsonDocument::parse(*text);
        const std::uint64_t last = document ? number_of(document->root().find("last")) : 0;
        after = last > args.top ? last - args.top : 0;
    }
    RowsOut rows(args.hub, {{"SEQUENCE", "sequence"},
                            {"TIME", "time"},
                            {"POLICY", "policy"},
                            {"KEY", "key"},
                            {"VIA", "via"},
                            {"PEER", "peer"},
                            {"OPERATION", "operation"},
                            {"TARGET", "target"},
                            {"STATUS", "status"}});
    std::vector<std::string> found;
    const auto walked = walk(*client, after, [&](std::string_view entry) {
        if (found.size() < args.top) found.emplace_back(entry);
        return Result<>();
    });
    if (!walked) return fail(walked.error());
    rows.print(std::move(found), 0);
    rows.finish();
    return Exit::ok;
}

Exit report(const AuditChain& chain, std::string_view where) {
    std::cout << chain.head() << '\n';
    std::cerr << with_thousands(chain.count()) << " entries of " << where
              << ": each fits the one before. Keep the hash of the newest elsewhere, and pass it by --head "
                 "some day.\n";
    return Exit::ok;
}

Result<Exit> verify_file(const AuditArgs& args) {
    std::ifstream in(args.file);
    if (!in) return fail(Errc::not_found_locally, "there is no file " + args.file);
    AuditChain chain;
    bool had_head = args.head.empty();
    for (std::string line; std::getline(in, line);) {
        if (line.empty()) continue;
        if (auto added = chain.add(line); !added) return fail(std::move(added).error());
        had_head = had_head || chain.head() == args.head;
    }
    if (!had_head) return fail(Errc::store_corrupt, "no entry has the hash " + args.head);
    return report(chain, args.file);
}

Result<Exit> verify(const AuditArgs& args) {
    if (!args.file.empty()) return verify_file(args);
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    AuditChain chain;
    bool had_head = args.head.empty();
    const auto extent = walk(*client, 0, [&](std::string_view entry) {
        auto added = chain.add(entry);
        had_head = had_head || chain.head() == args.head;
        return added;
    });
    if (!extent) return fail(extent.error());
    if (chain.last() != extent->last || chain.head() != extent->head) {
        return fail(Errc::store_corrupt, "the hub says that entry " + std::to_string(extent->last) +
                                             " is the newest, and gives entries up to " +
                                             std::to_string(chain.last()));
    }
    if (chain.count() > 0 && chain.last() - chain.count() + 1 != extent->first) {
        return fail(Errc::store_corrupt, "the hub says that entry " + std::to_string(extent->first) +
                                             " is the oldest, and gives others");
    }
    if (!had_head) return fail(Errc::store_corrupt, "no entry has the hash " + args.head);
    return report(chain, "the hub");
}

Result<Exit> export_entries(const AuditArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    std::ofstream file;
    if (!args.file.empty()) {
        file.open(args.file, std::ios::app);
        if (!file) return fail(Errc::io_failed, args.file + " cannot be written");
    }
    std::ostream& out = args.file.empty() ? std::cout : file;
    std::uint64_t count = 0;
    const auto extent = walk(*client, args.after, [&](std::string_view entry) -> Result<> {
        ++count;
        if (out << entry << '\n') return {};
        return fail(Errc::io_failed, "the entries cannot be written");
    });
    if (!extent) return fail(extent.error());
    out.flush();
    if (!out) return fail(Errc::io_failed, "the entries cannot be written");
    std::cerr << with_thousands(count) << " entries, the newest is " << extent->last << '\n';
    return Exit::ok;
}

}  // namespace

void add_audit(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("audit", "Who changed what");
    group.require_subcommand(1);

    auto args = std::make_shared<AuditArgs>();
    auto& list_verb = *group.add_subcommand("list", "List changes, oldest first");
    add_hub_flags(list_verb, args->hub);
    list_verb
        .add_option("--top", args->top, "Maximum number of changes: the newest, or those behind --after [50]")
        ->check(CLI::Range(1, 1'000'000));
    list_verb.add_option("--after", args->after, "Only those after this sequence number")->type_name("N");
    on_chosen(list_verb, args, list, exit_code);

    args = std::make_shared<AuditArgs>();
    auto& verify_verb =
        *group.add_subcommand("verify", "Check that no entry was altered, removed or inserted");
    add_hub_flags(verify_verb, args->hub);
    verify_verb.add_option("--file", args->file, "Check an export instead, without a hub")->type_name("FILE");
    verify_verb
        .add_option("--head", args->head, "A hash that an earlier check printed, which must be among them")
        ->type_name("HASH");
    verify_verb.footer("Prints the hash of the newest entry. Exit code 10 if something does not fit.");
    on_chosen(verify_verb, args, verify, exit_code);

    args = std::make_shared<AuditArgs>();
    auto& export_verb =
        *group.add_subcommand("export", "Print changes as they are stored, one JSON object a line");
    add_hub_flags(export_verb, args->hub);
    export_verb.add_option("--after", args->after, "Only those after this sequence number")->type_name("N");
    export_verb.add_option("--file", args->file, "Append to a file [standard output]")->type_name("FILE");
    on_chosen(export_verb, args, export_entries, exit_code);
}

}  // namespace carillon
