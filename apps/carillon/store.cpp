// carillon store: a hub's data on disk, while no hub runs on it.

#include "base/json.hpp"
#include "commands.hpp"
#include "failure.hpp"
#include "hub_flags.hpp"
#include "row_printer.hpp"
#include "server/certificates/certificates.hpp"
#include "server/data_dir.hpp"
#include "server/format_file.hpp"
#include "server/hub_store.hpp"
#include "store/store_check.hpp"
#include "terminal_text.hpp"

#include <fmt/core.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace carillon {
namespace {

struct StoreArgs {
    std::string data_dir = "carillon-data";
    Format format = Format::automatic;
};

std::vector<std::string> rows_of(const StoreReport& report) {
    std::vector<std::string> rows;
    for (std::size_t table = 0; table < table_count; ++table) {
        const StoreReport::Rows& found = report.tables[table];
        rows.emplace_back();
        JsonWriter(rows.back())
            .begin_object()
            .member("table", table_names[table])
            .member("rows", found.count)
            .member("bytes", found.bytes)
            .member("crc32c", fmt::format("{:08x}", found.checksum))
            .end_object();
    }
    return rows;
}

std::string document_of(const StoreReport& report) {
    std::string text;
    JsonWriter json(text);
    json.begin_object()
        .member("isSound", report.damages.empty())
        .member("files", std::uint64_t{report.files})
        .member("bytes", report.bytes)
        .member("hasLedger", report.has_ledger)
        .key("damages")
        .begin_array();
    for (const std::string& damage : report.damages) json.value(damage);
    json.end_array().key("tables").begin_array();
    for (const std::string& row : rows_of(report)) json.raw(row);
    json.end_array().end_object();
    return text;
}

/// The sentence that says what is wrong; what to do about it is on the lines behind it.
std::string first_line(const Error& error) {
    return error.detail.substr(0, error.detail.find('\n'));
}

Result<StoreReport> check(const DataDir& data_dir) {
    StoreReport report;
    const auto is_there = check_store_is_there(data_dir.path());
    if (is_there) {
        auto checked = check_store(data_dir.store());
        if (!checked) return checked;
        report = *std::move(checked);
    } else {
        report.damages.push_back(first_line(is_there.error()));
    }
    const auto format = check_format_file(data_dir.path());
    if (!format && format.error().code != Errc::store_corrupt) return fail(format.error());
    if (!format) report.damages.push_back(first_line(format.error()));
    const auto authority = check_authority(data_dir.path());
    if (!authority) report.damages.push_back(first_line(authority.error()));
    return report;
}

Result<Exit> check_data(const StoreArgs& args) {
    const auto data_dir = DataDir::take_to_read(args.data_dir);
    if (!data_dir) return fail(data_dir.error());
    const auto report = check(*data_dir);
    if (!report) return fail(report.error());
    const bool is_sound = report->damages.empty();
    if (args.format == Format::json || args.format == Format::ndjson) {
        print_document(std::cout, args.format, document_of(*report), standard_table_width());
    } else if (is_sound) {
        RowPrinter printer(std::cout, args.format,
                           {{"TABLE", "table"}, {"ROWS", "rows"}, {"BYTES", "bytes"}, {"CRC-32C", "crc32c"}},
                           standard_table_width());
        printer.print(rows_of(*report));
        printer.finish();
    } else {
        for (const std::string& damage : report->damages) std::cout << damage << '\n';
    }
    if (!is_sound) {
        std::cerr << fmt::format(
            "carillon: {} of {} damaged; nothing was changed. Restore the whole data directory from a "
            "backup.\n",
            report->damages.size() == 1 ? "a file" : with_thousands(report->damages.size()) + " files",
            args.data_dir);
        return Exit::damaged;
    }
    std::cerr << with_thousands(report->files) << " files, " << with_thousands(report->bytes)
              << " bytes: sound\n";
    if (!report->has_ledger) {
        std::cerr << "There is no store.ledger, so nobody can tell whether files are missing; the next "
                     "start makes one.\n";
    }
    return Exit::ok;
}

}  // namespace

void add_store(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("store", "Check a hub's data on disk");
    group.require_subcommand(1);
    auto& verb = *group.add_subcommand("check", "Read all of it, and say what is damaged; changes nothing");
    auto args = std::make_shared<StoreArgs>();
    verb.add_option("--data-dir", args->data_dir, "The hub's data (./carillon-data)")
        ->type_name("DIR")
        ->envname("CARILLON_DATA_DIR");
    add_output_flag(verb, args->format, "table, json, ndjson, csv, tsv or yaml [table]");
    verb.footer(
        "No hub may run on it. Exit code 10 if something is damaged. Two stores whose tables have the same\n"
        "checksums hold the same.");
    on_chosen(verb, args, check_data, exit_code);
}

}  // namespace carillon
