#include "server/settings/config.hpp"

#include "base/text.hpp"
#include "server/settings/settings.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace carillon {
namespace {

constexpr std::string_view environment_prefix = "CARILLON_";
/// What other commands of the program read from the environment.
constexpr std::array<std::string_view, 3> environment_of_others{"CARILLON_LOGIN", "CARILLON_CA",
                                                                "CARILLON_CONFIG"};
constexpr std::size_t file_bytes_max = 1024 * 1024;

tl::unexpected<Error> unknown_key(const std::string& place, std::string_view key) {
    std::string detail = place + ": unknown key \"" + std::string(key) + "\"";
    const std::string_view nearest = nearest_setting(key);
    if (!nearest.empty()) detail += "; did you mean \"" + std::string(nearest) + "\"?";
    return fail(Errc::config_invalid, std::move(detail));
}

/// How messages name it.
std::string name_of(const SettingOrigin& origin) {
    switch (origin.kind) {
        case SettingOrigin::Kind::file:
            return origin.place;
        case SettingOrigin::Kind::environment:
            return "environment variable " + origin.place;
        case SettingOrigin::Kind::command_line:
            return "command line";
        case SettingOrigin::Kind::strict_mode:
            break;
    }
    return "compatibility";
}

Result<> apply(ServerConfig& config, SettingOrigin origin, std::string_view key,
               const std::vector<std::string>& values) {
    const Setting* setting = find_setting(key);
    if (setting == nullptr) return unknown_key(name_of(origin), key);
    const std::string fault = setting->apply(config, values);
    if (!fault.empty())
        return fail(Errc::config_invalid, name_of(origin) + ": " + std::string(key) + " " + fault);
    config.origins[std::string(key)] = std::move(origin);
    return {};
}

std::string place_of(const std::string& file, const toml::node& node) {
    return file + ":" + std::to_string(node.source().begin.line);
}

/// A value's texts as the setting's `apply` takes them; nothing if the kinds do not agree.
std::optional<std::vector<std::string>> texts_of(const toml::node& node, Setting::Kind kind) {
    if (kind == Setting::Kind::number) {
        const auto number = node.value_exact<std::int64_t>();
        if (!number) return std::nullopt;
        return std::vector<std::string>{std::to_string(*number)};
    }
    if (kind == Setting::Kind::text) {
        const auto text = node.value_exact<std::string>();
        if (!text) return std::nullopt;
        return std::vector<std::string>{*text};
    }
    const toml::array* array = node.as_array();
    if (array == nullptr) return std::nullopt;
    std::vector<std::string> texts;
    for (const toml::node& element : *array) {
        const auto text = element.value_exact<std::string>();
        if (!text) return std::nullopt;
        texts.push_back(*text);
    }
    return texts;
}

std::string kind_name(Setting::Kind kind) {
    switch (kind) {
        case Setting::Kind::number:
            return "must be a whole number";
        case Setting::Kind::text:
            return "must be a string";
        case Setting::Kind::list:
            return "must be an array of strings";
    }
    return {};
}

Result<> apply_table(ServerConfig& config, const std::string& file, const std::string& prefix,
                     const toml::table& table) {
    for (const auto& [name, node] : table) {
        const std::string key = prefix + std::string(name.str());
        const std::string place = place_of(file, node);
        const Setting* setting = find_setting(key);
        if (setting == nullptr) {
            // A table is a section if some key lies in it.
            const bool is_section = prefix.empty() && node.is_table() && [&key] {
                for (const Setting& s : all_settings()) {
                    if (s.key.starts_with(key + ".")) return true;
                }
                return false;
            }();
            if (!is_section) return unknown_key(place, key);
            auto applied = apply_table(config, file, key + ".", *node.as_table());
            if (!applied) return applied;
            continue;
        }
        const auto texts = texts_of(node, setting->kind);
        if (!texts) {
            return fail(Errc::config_invalid, place + ": " + key + " " + kind_name(setting->kind));
        }
        auto applied = apply(config, {SettingOrigin::Kind::file, place}, key, *texts);
        if (!applied) return applied;
    }
    return {};
}

Result<> apply_file(ServerConfig& config, const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream bytes;
    if (in) bytes << in.rdbuf();
    if (!in) return fail(Errc::not_found_locally, file + ": " + std::strerror(errno));
    const std::string text = bytes.str();
    if (text.size() > file_bytes_max) return fail(Errc::config_invalid, file + ": larger than 1 MiB");
    const toml::parse_result parsed = toml::parse(text, file);
    if (!parsed) {
        const auto& error = parsed.error();
        return fail(Errc::config_invalid, file + ":" + std::to_string(error.source().begin.line) + ": " +
                                              std::string(error.description()));
    }
    return apply_table(config, file, "", parsed.table());
}

/// `CARILLON_JOBS__ACTIVE_MAX` is `jobs.active_max`.
std::string key_of_variable(std::string_view name) {
    std::string key = to_lower(name.substr(environment_prefix.size()));
    const auto dot = key.find("__");
    if (dot != std::string::npos) key.replace(dot, 2, ".");
    return key;
}

Result<> apply_environment(ServerConfig& config, const std::map<std::string, std::string>& environment) {
    for (const auto& [name, text] : environment) {
        if (!name.starts_with(environment_prefix)) continue;
        if (std::find(environment_of_others.begin(), environment_of_others.end(), name) !=
            environment_of_others.end()) {
            continue;
        }
        const std::string key = key_of_variable(name);
        const Setting* setting = find_setting(key);
        std::vector<std::string> values{text};
        if (setting != nullptr && setting->kind == Setting::Kind::list) {
            values.clear();
            for (const std::string_view part : split(text, ',')) values.emplace_back(trimmed(part));
        }
        auto applied = apply(config, {SettingOrigin::Kind::environment, name}, key, values);
        if (!applied) return applied;
    }
    return {};
}

Result<> check_together(const ServerConfig& config) {
    if (config.tls_certificate.empty() != config.tls_key.empty()) {
        return fail(Errc::config_invalid, "tls.certificate and tls.key go together");
    }
    if (config.proxy_header.empty() != config.proxy_addresses.empty()) {
        return fail(Errc::config_invalid, "dashboard.proxy_header and dashboard.proxy_addresses go together");
    }
    const bool is_strict = config.compatibility == Compatibility::strict;
    if (!is_strict && (config.strict_tier || config.strict_units)) {
        return fail(Errc::config_invalid, "strict.tier and strict.units need compatibility = \"strict\"");
    }
    const Tier tier = config.strict_tier.value_or(Tier::s1);
    if (config.strict_units.value_or(1) > units_max(tier)) {
        return fail(Errc::config_invalid,
                    "strict.units is at most " + std::to_string(units_max(tier)) + " in this tier");
    }
    return {};
}

/// What strict mode changes of other settings, unless they were given themselves.
void apply_strictness(ServerConfig& config) {
    if (config.compatibility != Compatibility::strict) return;
    config.jobs.strict_cancel = true;
    const SettingOrigin strict{SettingOrigin::Kind::strict_mode, {}};
    if (config.origins.emplace("jobs.active_max", strict).second) {
        config.jobs.active_max = active_jobs_max(config.strict_tier.value_or(Tier::s1));
    }
    config.origins.emplace("query.functions", strict);
    config.origins.emplace("query.statement_bytes_max", strict);
}

}  // namespace

void set_up_log(const ServerConfig& config) {
    set_log_format(config.log_format);
    log.set_level(config.log_level);
    for (const auto& [module, level] : config.log_modules) set_log_level(module, level);
}

std::map<std::string, std::string> process_environment() {
    std::map<std::string, std::string> environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const auto equals = text.find('=');
        if (equals != std::string_view::npos)
            environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
}

Result<ServerConfig> load_config(const ConfigSources& sources) {
    ServerConfig config;
    if (!sources.file.empty()) {
        auto applied = apply_file(config, sources.file);
        if (!applied) return fail(std::move(applied).error());
    }
    auto applied = apply_environment(config, sources.environment);
    if (!applied) return fail(std::move(applied).error());
    for (const auto& [key, values] : sources.flags) {
        auto set = apply(config, {SettingOrigin::Kind::command_line, {}}, key, values);
        if (!set) return fail(std::move(set).error());
    }
    auto checked = check_together(config);
    if (!checked) return fail(std::move(checked).error());
    apply_strictness(config);
    return config;
}

HubOptions hub_options(const ServerConfig& config) {
    const bool is_strict = config.compatibility == Compatibility::strict;
    HubOptions options;
    if (is_strict) {
        options.queries.functions = query::FunctionSet::strict;
        options.queries.statement_bytes_max = query::QueryLimits::strict_statement_bytes_max;
        options.tier = TierProfile{config.strict_tier.value_or(Tier::s1), config.strict_units.value_or(1)};
    }
    if (config.query_functions) options.queries.functions = *config.query_functions;
    if (config.query_statement_bytes_max) {
        options.queries.statement_bytes_max = *config.query_statement_bytes_max;
    }
    options.callers = config.callers;
    return options;
}

}  // namespace carillon
