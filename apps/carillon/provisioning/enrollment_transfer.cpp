// carillon enrollment export, carillon enrollment import: enrollments of both kinds, with their keys, as a
// file with one JSON object a line.

#include "base/json.hpp"
#include "failure.hpp"
#include "json_text.hpp"
#include "private_file.hpp"
#include "provisioning/enrollment_request.hpp"
#include "provisioning/enrollment_verbs.hpp"
#include "text_input.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>

namespace carillon {

namespace {

using EnrollmentKind = Enrollments::Kind;

constexpr std::string_view enrollments_name = "enrollments.ndjson";

struct EnrollmentExportArgs {
    HubFlags hub;
    std::string target;
    bool excludes_keys = false;
};

struct EnrollmentImportArgs {
    HubFlags hub;
    std::string source;
    bool replaces = false;
    bool keeps_hubs = false;
};

/// An enrollment of a listing, with its keys.
Result<std::string> with_keys(Enrollments& enrollments, EnrollmentKind kind, const std::string& listed) {
    const auto document = JsonDocument::parse(listed);
    if (!document) return fail(document.error());
    const auto id = document->root()
                        .find(kind == EnrollmentKind::group ? "enrollmentGroupId" : "registrationId")
                        .string();
    const auto attestation = enrollments.attestation(kind, id);
    if (!attestation) return attestation;
    return with_attestation(listed, *attestation);
}

Result<> export_kind(const EnrollmentExportArgs& args, Enrollments& enrollments, EnrollmentKind kind,
                     PrivateFile& target, std::uint64_t& count) {
    std::string continuation;
    do {
        auto page = enrollments.list(kind, 0, continuation);
        if (!page) return fail(std::move(page).error());
        for (const std::string& listed : page->items) {
            const auto line =
                args.excludes_keys ? Result<std::string>(listed) : with_keys(enrollments, kind, listed);
            // One that was deleted meanwhile is none any more.
            if (!line && http_status(line.error().code) == 404) continue;
            if (!line) return fail(line.error());
            target.out() << *line << '\n';
            ++count;
        }
        continuation = std::move(page->continuation);
    } while (!continuation.empty() && target.out());
    return {};
}

Result<Exit> run_enrollment_export(const EnrollmentExportArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    Enrollments enrollments(*client);
    PrivateFile target;
    if (auto opened = target.open(args.target, enrollments_name); !opened)
        return fail(std::move(opened).error());
    std::uint64_t count = 0;
    for (const EnrollmentKind kind : {EnrollmentKind::individual, EnrollmentKind::group}) {
        auto exported = export_kind(args, enrollments, kind, target, count);
        if (!exported) return fail(std::move(exported).error());
    }
    if (auto finished = target.finish(); !finished) return fail(std::move(finished).error());
    std::cerr << count << (count == 1 ? " enrollment" : " enrollments") << " exported\n";
    return Exit::ok;
}

/// Calls `take` with each entry of a file, which is one object a line, or an array or a single object over
/// several. Fails with `config_invalid`, and with what `take` fails with.
Result<> each_entry(std::istream& in, const std::function<Result<>(const std::string&)>& take) {
    std::string line;
    std::getline(in, line);
    const auto mark = without_byte_order_mark(line);
    if (!mark) return fail(mark.error());
    line = std::string(*mark);
    const auto first = JsonDocument::parse(line);
    if (first && first->root().is_object()) {
        do {
            if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
            if (auto taken = take(line); !taken) return taken;
        } while (std::getline(in, line));
        return {};
    }
    std::string whole = line + '\n';
    while (whole.size() <= json_argument_bytes_max && std::getline(in, line))
        whole.append(line).append(1, '\n');
    if (whole.size() > json_argument_bytes_max)
        return fail_usage("the file is larger than 64 MiB and not a list of objects, one a line");
    const auto document = JsonDocument::parse(whole);
    if (!document) return fail_usage(document.error().detail);
    const auto items = json_array_items(whole);
    if (!items) return take(whole);
    for (const std::string& item : *items) {
        if (auto taken = take(item); !taken) return taken;
    }
    return {};
}

Result<> import_one(const EnrollmentImportArgs& args, Enrollments& enrollments, const std::string& text) {
    const auto entry = read_enrollment_entry(text, args.keeps_hubs);
    if (!entry) return fail(entry.error());
    auto written = enrollments.put(entry->kind, entry->id, entry->json);
    if (!written && args.replaces && http_status(written.error().code) == 409)
        written = enrollments.put(entry->kind, entry->id, entry->json, "*");
    if (written) return {};
    return fail(written.error().code, entry->id + ": " + written.error().detail);
}

/// True if the fault is the entry's own, and the next may be well.
bool is_of_entry(Errc code) {
    const int status = http_status(code);
    return code == Errc::config_invalid || status == 400 || status == 404 || status == 409 || status == 413;
}

Result<Exit> run_enrollment_import(const EnrollmentImportArgs& args) {
    std::ifstream file;
    if (args.source != "-") {
        file.open(args.source, std::ios::binary);
        if (!file) return fail(Errc::not_found_locally, args.source + ": " + std::strerror(errno));
    }
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    Enrollments enrollments(*client);
    std::uint64_t count = 0;
    std::uint64_t refused = 0;
    const auto take = [&](const std::string& text) -> Result<> {
        ++count;
        auto imported = import_one(args, enrollments, text);
        if (imported || !is_of_entry(imported.error().code)) return imported;
        ++refused;
        std::cerr << "enrollment " << count << ": " << imported.error().detail << '\n';
        return {};
    };
    if (auto read = each_entry(args.source == "-" ? std::cin : file, take); !read)
        return fail(std::move(read).error());
    std::string summary;
    JsonWriter(summary)
        .begin_object()
        .member("enrollmentCount", count)
        .member("appliedCount", count - refused)
        .member("errorCount", refused)
        .end_object();
    show_document(args.hub, summary);
    return refused > 0 ? Exit::failed : Exit::ok;
}

}  // namespace

void add_enrollment_import(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<EnrollmentImportArgs>();
    auto& verb = *group.add_subcommand(
        "import", "Create the enrollments and groups of a file: an export's, or what az iot dps prints");
    add_hub_flags(verb, args->hub);
    verb.add_option("source", args->source,
                    "A JSON array or one object a line, with keys; - is standard input")
        ->required()
        ->type_name("FILE");
    verb.add_flag("--replace", args->replaces, "Replace those that exist");
    verb.add_flag("--keep-hubs", args->keeps_hubs,
                  "Keep allocation policies and names of hubs, which otherwise are left out");
    on_chosen(verb, args, run_enrollment_import, exit_code);
}

void add_enrollment_export(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<EnrollmentExportArgs>();
    auto& verb = *group.add_subcommand(
        "export", "Write all enrollments and groups with their keys to a file, one JSON object a line");
    add_hub_flags(verb, args->hub);
    verb.add_option("target", args->target,
                    "A file, a directory for enrollments.ndjson, or - for standard output")
        ->required()
        ->type_name("FILE|DIR");
    verb.add_flag("--exclude-keys", args->excludes_keys, "Leave keys out; an import then makes new ones");
    on_chosen(verb, args, run_enrollment_export, exit_code);
}

}  // namespace carillon
