#pragma once

#include "carillon/service_client.hpp"
#include "commands.hpp"
#include "failure.hpp"
#include "row_printer.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <string>

namespace carillon {

/// The flags that every command to a hub takes.
struct HubFlags {
    std::string login;
    std::string ca_file;
    std::string address;
    std::uint16_t port = 443;
    Format format = Format::automatic;
};

void add_hub_flags(CLI::App& command, HubFlags& flags);
/// `-d/--device-id`, or the command's first plain argument.
void add_device_flag(CLI::App& command, std::string& device);
void add_module_flag(CLI::App& command, std::string& module);

/// A client for the hub that the flags name; connects to nothing yet. Fails with `config_invalid`
/// where the login is missing or wrong.
Result<ServiceClient> open_hub(const HubFlags& flags);

/// Fail with `config_invalid`.
Result<DeviceId> device_argument(const std::string& device);
Result<IdentityKey> target_argument(const std::string& device, const std::string& module);

/// Prints one document as the flags say.
Exit show_document(const HubFlags& flags, const std::string& json);
/// Prints the pages that `next(continuation)` gives until there are no more or `top` rows are out
/// (0: all). `next` returns `Result<ServicePage>`.
template <class Next>
Result<Exit> show_pages(const HubFlags& flags, std::vector<Column> columns, std::size_t top, Next next);

/// Runs `run(*args)` when the command is chosen.
template <class Args>
void on_chosen(CLI::App& command, std::shared_ptr<Args> args, Result<Exit> (*run)(const Args&),
               int& exit_code) {
    command.callback([args, run, &exit_code] { exit_code = conclude(run(*args)); });
}

/// Rows written to standard output, counted.
class RowsOut {
public:
    RowsOut(const HubFlags& flags, std::vector<Column> columns);
    /// How many rows of a page still fit under `top`.
    void print(std::vector<std::string> items, std::size_t top);
    bool is_full(std::size_t top) const { return top > 0 && printer_.count() >= top; }
    void finish() { printer_.finish(); }

private:
    RowPrinter printer_;
};

template <class Next>
Result<Exit> show_pages(const HubFlags& flags, std::vector<Column> columns, std::size_t top, Next next) {
    RowsOut rows(flags, std::move(columns));
    std::string continuation;
    do {
        Result<ServicePage> page = next(continuation);
        if (!page) return fail(std::move(page).error());
        rows.print(std::move(page->items), top);
        continuation = std::move(page->continuation);
    } while (!continuation.empty() && !rows.is_full(top));
    rows.finish();
    return Exit::ok;
}

}  // namespace carillon
