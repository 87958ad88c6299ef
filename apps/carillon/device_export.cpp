// carillon device export: a fleet into a file, or into a blob container.

#include "base/json.hpp"
#include "device_transfer.hpp"
#include "device_transfer_job.hpp"
#include "entry_lines.hpp"
#include "hub_flags.hpp"
#include "private_file.hpp"
#include "terminal.hpp"

#include <chrono>
#include <iostream>

namespace carillon {

namespace {

constexpr std::string_view export_name = "devices.txt";
constexpr std::chrono::milliseconds between_export_shows{200};

struct ExportArgs {
    HubFlags hub;
    std::string target;
    std::string blob_name;
    bool excludes_keys = false;
    bool waits_not = false;
};

Result<Exit> export_to_file(const ExportArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    PrivateFile target;
    StatusLine status;
    std::uint64_t lines = 0;
    std::string continuation;
    const auto began = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point shown{};
    bool is_open = false;
    do {
        auto page = client->registry_page(args.excludes_keys, continuation);
        if (!page) {
            const bool is_other_hub = !is_open && http_status(page.error().code) == 404;
            if (!is_other_hub) return fail(std::move(page).error());
            return fail(
                Errc::feature_not_supported,
                "this hub exports its devices only to a blob container: give its URI in place of the file");
        }
        if (!is_open) {
            if (auto opened = target.open(args.target, export_name); !opened)
                return fail(std::move(opened).error());
            is_open = true;
        }
        for (const std::string& line : page->items) target.out() << line << '\n';
        lines += page->items.size();
        continuation = std::move(page->continuation);
        const auto now = std::chrono::steady_clock::now();
        if (now - shown < between_export_shows) continue;
        shown = now;
        const std::chrono::duration<double> elapsed = now - began;
        status.show(transfer_progress_line(lines, 0, elapsed.count(), std::nullopt));
    } while (!continuation.empty() && target.out());
    if (auto finished = target.finish(); !finished) return fail(std::move(finished).error());
    status.clear();
    std::cerr << transfer_progress_line(lines, 0, 0, std::nullopt) << " exported\n";
    return Exit::ok;
}

Result<Exit> run_export(const ExportArgs& args) {
    if (!is_container_uri(args.target)) return export_to_file(args);
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    std::string request;
    JsonWriter out(request);
    out.begin_object().member("type", "export").member("outputBlobContainerUri", args.target);
    if (!args.blob_name.empty()) out.member("outputBlobName", args.blob_name);
    out.member("excludeKeysInExport", args.excludes_keys).end_object();
    return run_transfer_job(args.hub, *client, request, !args.waits_not);
}

}  // namespace

void add_device_export(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<ExportArgs>();
    auto& verb =
        *group.add_subcommand("export", "Write all devices and modules, with their twins, as a devices.txt");
    add_hub_flags(verb, args->hub);
    verb.add_option(
            "target", args->target,
            "A file, a directory for devices.txt, - for standard output, or the URI of a blob container, "
            "to which the hub itself writes")
        ->required()
        ->type_name("FILE|DIR|URI");
    verb.add_flag("--exclude-keys", args->excludes_keys, "Leave keys out; an import then makes new ones");
    verb.add_option("--output-blob", args->blob_name, "Name of the blob in the container [devices.txt]");
    verb.add_flag("--no-wait", args->waits_not, "Do not follow the job that writes to a container");
    on_chosen(verb, args, run_export, exit_code);
}

}  // namespace carillon
