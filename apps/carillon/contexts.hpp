#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// A hub that has been given a name, so that commands need not be told how to reach it.
struct Context {
    std::string name;
    std::string login;    ///< A policy's connection string.
    std::string ca_file;  ///< Absolute; empty for the system's authorities.
    std::string address;  ///< Where to connect, if not to the login's host name.
    std::uint16_t port = 443;
};

/// All named hubs of a user, ordered by name, and which one is meant when none is said.
struct Contexts {
    std::string current;  ///< Empty, or the name of one of `all`.
    std::vector<Context> all;

    const Context* find(std::string_view name) const;
    /// Adds it, or replaces the one of its name.
    void put(Context context);
    /// False if there is none of that name. Removing the current one leaves none current.
    bool remove(std::string_view name);
};

inline constexpr std::size_t context_name_bytes_max = 64;

/// Letters, digits, `-`, `_` and `.`: what can be typed, completed and printed without quotes.
bool is_context_name(std::string_view name);

std::string contexts_json(const Contexts& contexts);
/// Fails with `config_invalid`.
Result<Contexts> parse_contexts(std::string_view json);

/// `$XDG_CONFIG_HOME/carillon/contexts.json`, or below `~/.config` where that is not set.
/// Fails with `config_invalid` where there is no home either. Source: XDG Base Directory Specification.
Result<std::filesystem::path> contexts_file();

/// None, if there is no file. Fails with `config_invalid` for a file that others may read, as keys are
/// in it, or that does not parse; `io_failed`.
Result<Contexts> read_contexts();
/// Makes the folder too; only the owner may read either. Fails with `io_failed`.
Result<> write_contexts(const Contexts& contexts);

}  // namespace carillon
