// carillon doctor: whether this machine suits a hub, and what to do where it does not.

#include "operate/doctor.hpp"

#include "hub_flags.hpp"
#include "operate/operator_commands.hpp"
#include "server/data_dir.hpp"
#include "terminal_text.hpp"

#include <algorithm>
#include <iostream>
#include <memory>

namespace carillon {

void add_config_place(CLI::App& command, ConfigPlace& place) {
    command.add_option("--config", place.file, "The hub's configuration in TOML")
        ->type_name("FILE")
        ->envname("CARILLON_CONFIG");
    command.add_option("--data-dir", place.data_dir, "The hub's data (./carillon-data)")->type_name("DIR");
}

Result<ServerConfig> config_at(const ConfigPlace& place) {
    ConfigSources sources;
    sources.file = place.file;
    sources.environment = process_environment();
    if (!place.data_dir.empty()) sources.flags["data_dir"] = {place.data_dir};
    return load_config(sources);
}

bool is_hub_running(const std::string& data_dir) {
    const auto taken = DataDir::take_to_read(data_dir);
    return !taken && taken.error().code == Errc::store_failed;
}

namespace {

struct DoctorArgs {
    ConfigPlace place;
    Format format = Format::automatic;
};

Result<Exit> examine(const DoctorArgs& args) {
    const auto config = config_at(args.place);
    if (!config) return fail(config.error());
    const bool runs = is_hub_running(config->data_dir);
    const auto findings = examine_machine(*config, runs);
    std::vector<std::string> rows;
    for (const Finding& finding : findings) rows.push_back(finding_json(finding));
    const bool is_text = args.format == Format::automatic || args.format == Format::table;
    if (is_text) {
        for (const Finding& finding : findings) {
            const char* mark = finding.verdict == Finding::Verdict::good      ? "ok      "
                               : finding.verdict == Finding::Verdict::warning ? "warning "
                                                                              : "FAILED  ";
            std::cout << mark << finding.check << ": " << finding.found << '\n';
            if (!finding.advice.empty()) std::cout << "        " << finding.advice << '\n';
        }
    } else {
        RowPrinter printer(
            std::cout, args.format,
            {{"RESULT", "result"}, {"CHECK", "check"}, {"FOUND", "found"}, {"ADVICE", "advice"}},
            standard_table_width());
        printer.print(rows);
        printer.finish();
    }
    const auto bad = std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.verdict == Finding::Verdict::bad;
    });
    std::cerr << (runs ? "A hub runs on this data. " : "No hub runs on this data. ");
    if (bad > 0) {
        std::cerr << bad << (bad == 1 ? " check" : " checks") << " failed.\n";
        return Exit::failed;
    }
    std::cerr << "Nothing keeps a hub from running here.\n";
    return Exit::ok;
}

}  // namespace

void add_doctor(CLI::App& app, int& exit_code) {
    auto& command =
        *app.add_subcommand("doctor", "Check whether this machine is fit for a hub, and say what to change");
    auto args = std::make_shared<DoctorArgs>();
    add_config_place(command, args->place);
    add_output_flag(command, args->format, "table, json, ndjson, csv, tsv or yaml [text]");
    command.footer(
        "Looks at ports, descriptors, disk, clock, certificates and names, as the user who runs it: run it "
        "as\n"
        "the user who runs the hub. Exit code 1 if something keeps a hub from running.");
    on_chosen(command, args, examine, exit_code);
}

}  // namespace carillon
