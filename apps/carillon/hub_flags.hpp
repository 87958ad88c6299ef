#pragma once

#include "carillon/service_client.hpp"
#include "commands.hpp"
#include "contexts.hpp"
#include "failure.hpp"
#include "row_printer.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <string>
#include <type_traits>

namespace carillon {

/// The flags that every command to a hub takes; empty or 0 means not given.
struct HubFlags {
    std::string context;
    std::string login;
    std::string ca_file;
    std::string address;
    std::uint16_t port = 0;
    std::int64_t timeout_s = 0;
    bool traces = false;
    bool only_shows = false;  ///< `--dry-run`
    Format format = Format::automatic;
};

/// What the environment says of a hub.
struct HubEnvironment {
    std::string login;      ///< `CARILLON_LOGIN`
    std::string ca_file;    ///< `CARILLON_CA`
    std::string context{};  ///< `CARILLON_CONTEXT`
};

void add_hub_flags(CLI::App& command, HubFlags& flags);
/// `-o/--output`; `help` says what it does when it is not given.
void add_output_flag(CLI::App& command, Format& format, const std::string& help);
/// `-d/--device-id`, or the command's first plain argument.
void add_device_flag(CLI::App& command, std::string& device);
enum class Needed { no, yes };
void add_module_flag(CLI::App& command, std::string& module, Needed needed);

// `twin` and `method` with their verbs, for devices and, where it is needed, for modules only.
void add_twin_group(CLI::App& app, const char* description, Needed module, int& exit_code);
void add_method_group(CLI::App& app, const char* description, Needed module, int& exit_code);

/// `-y/--yes` of a command that asks before it deletes.
void add_yes_flag(CLI::App& command, bool& yes);

/// How to reach the hub that is meant: the one of `--login`, else of `--context`, else of `CARILLON_LOGIN`,
/// else of `CARILLON_CONTEXT`, else of the current context. The other flags go before what the context says.
/// Fails with `config_invalid` where no hub is named, or a context that there is none of.
Result<ServiceOptions> choose_hub(const HubFlags& flags, const HubEnvironment& environment,
                                  const Contexts& contexts);
/// The same, with the environment and the contexts of this process.
Result<ServiceOptions> hub_options(const HubFlags& flags);

/// A client for that hub; connects to nothing yet. Fails with `config_invalid` where the login is
/// missing or wrong.
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

/// Adds a command that asks a hub: with the flags of `args->hub`, and `run(*args)` when it is chosen.
template <class Args>
CLI::App& add_hub_verb(CLI::App& group, const std::string& name, const std::string& description,
                       const std::shared_ptr<Args>& args,
                       Result<Exit> (*run)(const std::type_identity_t<Args>&), int& exit_code) {
    CLI::App& verb = *group.add_subcommand(name, description);
    add_hub_flags(verb, args->hub);
    on_chosen<Args>(verb, args, run, exit_code);
    return verb;
}

/// Rows written to standard output, counted.
class RowsOut {
public:
    RowsOut(const HubFlags& flags, std::vector<Column> columns);
    /// How many rows of a page still fit under `top`.
    void print(std::vector<std::string> items, std::size_t top);
    bool is_full(std::size_t top) const { return top > 0 && printer_.count() >= top; }
    /// Says on standard error which columns had no room.
    void finish();

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
