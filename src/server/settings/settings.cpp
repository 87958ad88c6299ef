#include "server/settings/settings.hpp"

#include "base/edit_distance.hpp"
#include "base/log_format.hpp"
#include "base/text.hpp"
#include "endpoint/delivery/web_hubs.hpp"
#include "endpoint/delivery/webhook_sender.hpp"
#include "server/cluster/cluster_setup.hpp"

#include <arpa/inet.h>
#include <algorithm>
#include <array>
#include <limits>

namespace carillon {
namespace {

using Values = std::vector<std::string>;

std::string must_be(std::uint64_t min, std::uint64_t max) {
    return "must be a number from " + std::to_string(min) + " to " + std::to_string(max);
}

template <class Words, class T>
std::string_view name_of(const Words& words, T value) {
    for (const auto& [name, meant] : words) {
        if (meant == value) return name;
    }
    return {};
}

template <class T>
std::string set_number(T& target, const Values& values, std::uint64_t min, std::uint64_t max) {
    const auto number = parse_u64(values.front());
    if (!number || *number < min || *number > max) return must_be(min, max);
    target = static_cast<T>(*number);
    return {};
}

std::string set_hostnames(ServerConfig& config, const Values& values) {
    constexpr std::size_t names_max = 16;
    if (values.empty() || values.size() > names_max) return "takes 1 to 16 names";
    for (const std::string& name : values) {
        const bool fits = !name.empty() && name.size() <= 253;
        const bool legal = std::all_of(name.begin(), name.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                   c == '.';
        });
        if (!fits || !legal || name.front() == '.' || name.back() == '.')
            return "is not a host name: " + name;
    }
    config.hostnames = values;
    return {};
}

std::string set_log_level(ServerConfig& config, const Values& values) {
    const auto level = parse_log_level(values.front());
    if (!level) return "must be trace, debug, info, warn, error or off";
    config.log_level = *level;
    return {};
}

std::string set_log_format(ServerConfig& config, const Values& values) {
    if (values.front() != "text" && values.front() != "json") return "must be text or json";
    config.log_format = values.front() == "json" ? LogFormat::json : LogFormat::text;
    return {};
}

/// `MODULE=LEVEL`
std::string set_log_modules(ServerConfig& config, const Values& values) {
    config.log_modules.clear();
    for (const std::string& value : values) {
        const std::size_t equals = value.find('=');
        const std::size_t module = find_log_module(value.substr(0, equals));
        const auto level =
            equals == std::string::npos ? std::nullopt : parse_log_level(value.substr(equals + 1));
        if (module == log_modules.size() || !level) {
            std::string known;
            for (const std::string_view name : log_modules) (known += known.empty() ? "" : ", ") += name;
            return "takes MODULE=LEVEL, not " + value + "; modules are " + known;
        }
        config.log_modules.emplace_back(module, *level);
    }
    return {};
}

std::string set_compatibility(ServerConfig& config, const Values& values) {
    if (values.front() != "default" && values.front() != "strict") return "must be default or strict";
    const bool strict = values.front() == "strict";
    config.compatibility = strict ? Compatibility::strict : Compatibility::helpful;
    return {};
}

constexpr std::array<std::pair<std::string_view, Tier>, 3> tiers{
    {{"S1", Tier::s1}, {"S2", Tier::s2}, {"S3", Tier::s3}}};

std::string set_tier(ServerConfig& config, const Values& values) {
    for (const auto& [name, tier] : tiers) {
        if (!equals_ignoring_case(name, values.front())) continue;
        config.strict_tier = tier;
        return {};
    }
    return "must be S1, S2 or S3";
}

std::string set_units(ServerConfig& config, const Values& values) {
    unsigned units = 0;
    const std::string fault = set_number(units, values, 1, units_max(Tier::s1));
    if (fault.empty()) config.strict_units = units;
    return fault;
}

constexpr std::array<std::pair<std::string_view, query::FunctionSet>, 3> function_sets{
    {{"strict", query::FunctionSet::strict},
     {"extended", query::FunctionSet::extended},
     {"permissive", query::FunctionSet::permissive}}};

std::string set_query_functions(ServerConfig& config, const Values& values) {
    for (const auto& [name, set] : function_sets) {
        if (name != values.front()) continue;
        config.query_functions = set;
        return {};
    }
    return "must be strict, extended or permissive";
}

std::string set_statement_bytes(ServerConfig& config, const Values& values) {
    constexpr std::size_t least = 256;
    std::size_t bytes = 0;
    const std::string fault = set_number(bytes, values, least, query::QueryLimits::statement_bytes_max);
    if (fault.empty()) config.query_statement_bytes_max = bytes;
    return fault;
}

std::string set_bind(ServerConfig& config, const Values& values) {
    constexpr std::size_t addresses_max = 8;
    if (values.size() > addresses_max) return "takes at most 8 addresses";
    config.bind = values;  // Whether they are addresses the kernel will say.
    return {};
}

template <std::string ServerConfig::*member>
std::string set_text(ServerConfig& config, const Values& values) {
    config.*member = values.front();
    return {};
}

template <std::uint16_t ServerConfig::*member, std::uint64_t min = 1>
std::string set_port(ServerConfig& config, const Values& values) {
    return set_number(config.*member, values, min, std::numeric_limits<std::uint16_t>::max());
}

std::string set_unknown_connections(ServerConfig& config, const Values& values) {
    return set_number(config.connections_unknown_per_address_max, values, 1, 10'000'000);
}

std::string set_admin_tls(ServerConfig& config, const Values& values) {
    if (values.front() != "on" && values.front() != "off") return "must be on or off";
    config.admin_tls = values.front() == "on";
    return {};
}

constexpr std::array<std::pair<std::string_view, ModelTools>, 3> model_tools{
    {{"off", ModelTools::off}, {"read", ModelTools::read}, {"change", ModelTools::change}}};

std::string set_tracing_endpoint(ServerConfig& config, const Values& values) {
    if (!values.front().empty()) {
        if (const auto address = WebhookAddress::parse(values.front()); !address)
            return "must be like http://127.0.0.1:4318/v1/traces";
    }
    config.tracing_endpoint = values.front();
    return {};
}

std::string set_tracing_percent(ServerConfig& config, const Values& values) {
    return set_number(config.tracing_percent, values, 0, 100);
}

std::string set_model_tools(ServerConfig& config, const Values& values) {
    for (const auto& [name, tools] : model_tools) {
        if (name != values.front()) continue;
        config.model_tools = tools;
        return {};
    }
    return "must be off, read or change";
}

template <std::uint64_t FileLimits::*member>
std::string set_file_limit(ServerConfig& config, const Values& values) {
    return set_number(config.files.*member, values, 0, 1ULL << 50);
}
/// Source: IoT Hub docs, file upload options, the lifetime of a shared access signature.
std::string set_file_lifetime(ServerConfig& config, const Values& values) {
    return set_number(config.files.lifetime_s, values, 60, 24ULL * 3600);
}

std::string set_audit_entries(ServerConfig& config, const Values& values) {
    return set_number(config.audit_entries_max, values, 0, 10'000'000);
}

std::string set_connections(ServerConfig& config, const Values& values) {
    return set_number(config.connections_open_max, values, 0, 10'000'000);
}

std::string set_threads(ServerConfig& config, const Values& values) {
    return set_number(config.threads, values, 0, 256);
}

template <std::uint32_t CallerRates::*member>
std::string set_rate(ServerConfig& config, const Values& values) {
    constexpr std::uint64_t rate_max = 1'000'000'000;
    return set_number(config.callers.*member, values, 0, rate_max);
}

std::string set_drain(ServerConfig& config, const Values& values) {
    return set_number(config.drain_s, values, 0, 3600);
}

template <std::size_t JobEngineLimits::*member, std::uint64_t min, std::uint64_t max>
std::string set_job_limit(ServerConfig& config, const Values& values) {
    return set_number(config.jobs.*member, values, min, max);
}

std::string set_reconnect_grace(ServerConfig& config, const Values& values) {
    return set_number(config.jobs.reconnect_grace_s, values, 0, 86'400);
}

constexpr std::array<std::pair<std::string_view, WebReach::Mode>, 3> web_modes{
    {{"public", WebReach::Mode::everyone},
     {"listed", WebReach::Mode::listed},
     {"off", WebReach::Mode::nobody}}};

std::string set_storage_web(ServerConfig& config, const Values& values) {
    for (const auto& [name, mode] : web_modes) {
        if (name != values.front()) continue;
        config.storage_web = mode;
        return {};
    }
    return "must be public, listed or off";
}

std::string set_storage_hosts(ServerConfig& config, const Values& values) {
    if (const auto reach = WebReach::parse(config.storage_web, values); !reach) return reach.error().detail;
    config.storage_hosts = values;
    return {};
}

/// One job as long as a request may be must fit.
constexpr std::uint64_t job_bytes_min = 32 * 1024 * 1024;
constexpr std::uint64_t job_bytes_most = 1ULL << 40;

std::string set_telemetry_bytes(ServerConfig& config, const Values& values) {
    return set_number(config.telemetry.bytes_max, values, 1024 * 1024, 1ULL << 50);
}
std::string set_telemetry_age(ServerConfig& config, const Values& values) {
    return set_number(config.telemetry.age_max_s, values, 60, 365ULL * 24 * 3600);
}

std::string set_metrics_interval(ServerConfig& config, const Values& values) {
    std::uint32_t seconds = 0;
    std::string refused = set_number(seconds, values, 1, 24 * 3600);
    if (refused.empty()) config.configurations.metrics_interval = std::chrono::seconds(seconds);
    return refused;
}

std::string set_scopes(ServerConfig& config, const Values& values) {
    constexpr std::size_t scopes_max = 16;
    constexpr std::size_t scope_chars_max = 64;
    if (values.size() > scopes_max) return "takes at most 16 id scopes";
    for (const std::string& scope : values) {
        const bool is_legal = std::all_of(scope.begin(), scope.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        });
        if (scope.empty() || scope.size() > scope_chars_max || !is_legal)
            return "is not an id scope, which is of letters and digits, such as 0ne00ABCDEF: " + scope;
    }
    config.provisioning_scopes = values;
    return {};
}

std::string set_linked_hubs(ServerConfig& config, const Values& values) {
    if (values.size() > WebHubs::hubs_max) return "takes at most 50 connection strings";
    for (const std::string& text : values) {
        if (const auto login = parse_hub_login(text); !login) return login.error().detail;
    }
    config.linked_hubs = values;
    return {};
}

std::string set_proxy_header(ServerConfig& config, const Values& values) {
    const std::string& name = values.front();
    const bool is_legal = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (!is_legal || name.size() > 64) return "is not the name of a header field: " + name;
    config.proxy_header = name;
    return {};
}

std::string set_proxy_addresses(ServerConfig& config, const Values& values) {
    constexpr std::size_t addresses_max = 16;
    if (values.size() > addresses_max) return "takes at most 16 addresses";
    for (const std::string& address : values) {
        in6_addr any{};
        if (::inet_pton(AF_INET, address.c_str(), &any) != 1 &&
            ::inet_pton(AF_INET6, address.c_str(), &any) != 1)
            return "is not an IP address: " + address;
    }
    config.proxy_addresses = values;
    return {};
}

std::string set_cluster_store(ServerConfig& config, const Values& values) {
    config.cluster.store = values.front();
    return {};
}
std::string set_cluster_node(ServerConfig& config, const Values& values) {
    if (!is_node_id(values.front())) return "is of 1 to 32 letters, digits, '-', '_' and '.'";
    config.cluster.node = values.front();
    return {};
}
std::string set_cluster_health(ServerConfig& config, const Values& values) {
    config.cluster.health = values.front();
    return {};
}
std::string set_cluster_advertise(ServerConfig& config, const Values& values) {
    std::array<unsigned char, 16> bytes{};
    const char* const text = values.front().c_str();
    const bool is_address =
        ::inet_pton(AF_INET, text, bytes.data()) == 1 || ::inet_pton(AF_INET6, text, bytes.data()) == 1;
    if (!is_address) return "is not an IP address: " + values.front();
    config.cluster.advertise = values.front();
    return {};
}
std::string set_cluster_link_port(ServerConfig& config, const Values& values) {
    return set_number(config.cluster.link_port, values, 0, 65'535);
}
std::string set_cluster_lease(ServerConfig& config, const Values& values) {
    return set_number(config.cluster.lease_s, values, 3, 60);
}

// --- reading, the other way round ----------------------------------------------------------------

Values one(std::string text) {
    if (text.empty()) return {};
    return {std::move(text)};
}

template <auto member>
Values read_member(const ServerConfig& config) {
    using T = std::decay_t<decltype(config.*member)>;
    if constexpr (std::is_same_v<T, std::string>) {
        return one(config.*member);
    } else if constexpr (std::is_same_v<T, Values>) {
        return config.*member;
    } else {
        return {std::to_string(config.*member)};
    }
}

template <auto part, auto member>
Values read_in(const ServerConfig& config) {
    const auto& value = config.*part.*member;
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
        return one(value);
    } else {
        return {std::to_string(value)};
    }
}

Values read_admin_tls(const ServerConfig& config) {
    return {config.admin_tls ? "on" : "off"};
}
Values read_model_tools(const ServerConfig& config) {
    return {std::string(name_of(model_tools, config.model_tools))};
}
Values read_log_level(const ServerConfig& config) {
    return {std::string(log_level_text(config.log_level))};
}
Values read_log_format(const ServerConfig& config) {
    return {config.log_format == LogFormat::json ? "json" : "text"};
}
Values read_log_modules(const ServerConfig& config) {
    Values values;
    for (const auto& [module, level] : config.log_modules)
        values.push_back(std::string(log_modules[module]) + "=" + std::string(log_level_text(level)));
    return values;
}
Values read_compatibility(const ServerConfig& config) {
    return {config.compatibility == Compatibility::strict ? "strict" : "default"};
}
Values read_tier(const ServerConfig& config) {
    if (config.compatibility != Compatibility::strict) return {};
    return {std::string(name_of(tiers, config.strict_tier.value_or(Tier::s1)))};
}
Values read_units(const ServerConfig& config) {
    if (config.compatibility != Compatibility::strict) return {};
    return {std::to_string(config.strict_units.value_or(1))};
}
Values read_query_functions(const ServerConfig& config) {
    return {std::string(name_of(function_sets, hub_options(config).queries.functions))};
}
Values read_statement_bytes(const ServerConfig& config) {
    return {std::to_string(hub_options(config).queries.statement_bytes_max)};
}
Values read_storage_web(const ServerConfig& config) {
    return {std::string(name_of(web_modes, config.storage_web))};
}
Values read_metrics_interval(const ServerConfig& config) {
    const auto interval = config.configurations.metrics_interval;
    return {std::to_string(std::chrono::duration_cast<std::chrono::seconds>(interval).count())};
}

using SettingKind = Setting::Kind;
constexpr std::array settings{
    Setting{"data_dir", SettingKind::text, set_text<&ServerConfig::data_dir>,
            read_member<&ServerConfig::data_dir>},
    Setting{"hostnames", SettingKind::list, set_hostnames, read_member<&ServerConfig::hostnames>},
    Setting{"bind", SettingKind::list, set_bind, read_member<&ServerConfig::bind>},
    Setting{"mqtts_port", SettingKind::number, set_port<&ServerConfig::mqtts_port>,
            read_member<&ServerConfig::mqtts_port>},
    Setting{"https_port", SettingKind::number, set_port<&ServerConfig::https_port>,
            read_member<&ServerConfig::https_port>},
    Setting{"amqps_port", SettingKind::number, set_port<&ServerConfig::amqps_port, 0>,
            read_member<&ServerConfig::amqps_port>},
    Setting{"insecure_mqtt_port", SettingKind::number, set_port<&ServerConfig::insecure_mqtt_port, 0>,
            read_member<&ServerConfig::insecure_mqtt_port>},
    Setting{"insecure_amqp_port", SettingKind::number, set_port<&ServerConfig::insecure_amqp_port, 0>,
            read_member<&ServerConfig::insecure_amqp_port>},
    Setting{"admin.port", SettingKind::number, set_port<&ServerConfig::admin_port, 0>,
            read_member<&ServerConfig::admin_port>},
    Setting{"admin.bind", SettingKind::text, set_text<&ServerConfig::admin_bind>,
            read_member<&ServerConfig::admin_bind>},
    Setting{"admin.tls", SettingKind::text, set_admin_tls, read_admin_tls},
    Setting{"admin.token_file", SettingKind::text, set_text<&ServerConfig::admin_token_file>,
            read_member<&ServerConfig::admin_token_file>},
    Setting{"audit.entries_max", SettingKind::number, set_audit_entries,
            read_member<&ServerConfig::audit_entries_max>},
    Setting{"ready_file", SettingKind::text, set_text<&ServerConfig::ready_file>,
            read_member<&ServerConfig::ready_file>},
    Setting{"threads", SettingKind::number, set_threads, read_member<&ServerConfig::threads>},
    Setting{"connections.open_max", SettingKind::number, set_connections,
            read_member<&ServerConfig::connections_open_max>},
    Setting{"connections.unknown_per_address_max", SettingKind::number, set_unknown_connections,
            read_member<&ServerConfig::connections_unknown_per_address_max>},
    Setting{"limits.device_messages_per_s", SettingKind::number,
            set_rate<&CallerRates::device_messages_per_s>,
            read_in<&ServerConfig::callers, &CallerRates::device_messages_per_s>},
    Setting{"limits.device_bytes_per_s", SettingKind::number, set_rate<&CallerRates::device_bytes_per_s>,
            read_in<&ServerConfig::callers, &CallerRates::device_bytes_per_s>},
    Setting{"limits.policy_calls_per_s", SettingKind::number, set_rate<&CallerRates::policy_calls_per_s>,
            read_in<&ServerConfig::callers, &CallerRates::policy_calls_per_s>},
    Setting{"drain_s", SettingKind::number, set_drain, read_member<&ServerConfig::drain_s>},
    Setting{"log_level", SettingKind::text, set_log_level, read_log_level},
    Setting{"log_format", SettingKind::text, set_log_format, read_log_format},
    Setting{"log_modules", SettingKind::list, set_log_modules, read_log_modules},
    Setting{"compatibility", SettingKind::text, set_compatibility, read_compatibility},
    Setting{"strict.tier", SettingKind::text, set_tier, read_tier},
    Setting{"strict.units", SettingKind::number, set_units, read_units},
    Setting{"query.functions", SettingKind::text, set_query_functions, read_query_functions},
    Setting{"query.statement_bytes_max", SettingKind::number, set_statement_bytes, read_statement_bytes},
    Setting{"tls.certificate", SettingKind::text, set_text<&ServerConfig::tls_certificate>,
            read_member<&ServerConfig::tls_certificate>},
    Setting{"tls.key", SettingKind::text, set_text<&ServerConfig::tls_key>,
            read_member<&ServerConfig::tls_key>},
    Setting{"tls.client_ca", SettingKind::text, set_text<&ServerConfig::tls_client_ca>,
            read_member<&ServerConfig::tls_client_ca>},
    Setting{"tls.client_crl", SettingKind::text, set_text<&ServerConfig::tls_client_crl>,
            read_member<&ServerConfig::tls_client_crl>},
    Setting{"files.root", SettingKind::text, set_text<&ServerConfig::files_root>,
            read_member<&ServerConfig::files_root>},
    Setting{"files.container", SettingKind::text, set_text<&ServerConfig::files_container>,
            read_member<&ServerConfig::files_container>},
    Setting{"files.file_bytes_max", SettingKind::number, set_file_limit<&FileLimits::file_bytes_max>,
            read_in<&ServerConfig::files, &FileLimits::file_bytes_max>},
    Setting{"files.device_bytes_max", SettingKind::number, set_file_limit<&FileLimits::device_bytes_max>,
            read_in<&ServerConfig::files, &FileLimits::device_bytes_max>},
    Setting{"files.hub_bytes_max", SettingKind::number, set_file_limit<&FileLimits::hub_bytes_max>,
            read_in<&ServerConfig::files, &FileLimits::hub_bytes_max>},
    Setting{"files.lifetime_s", SettingKind::number, set_file_lifetime,
            read_in<&ServerConfig::files, &FileLimits::lifetime_s>},
    Setting{"storage.import_root", SettingKind::text, set_text<&ServerConfig::import_root>,
            read_member<&ServerConfig::import_root>},
    Setting{"storage.web", SettingKind::text, set_storage_web, read_storage_web},
    Setting{"storage.hosts", SettingKind::list, set_storage_hosts, read_member<&ServerConfig::storage_hosts>},
    Setting{"storage.ca_file", SettingKind::text, set_text<&ServerConfig::storage_ca>,
            read_member<&ServerConfig::storage_ca>},
    Setting{"telemetry.bytes_max", SettingKind::number, set_telemetry_bytes,
            read_in<&ServerConfig::telemetry, &TelemetryLimits::bytes_max>},
    Setting{"telemetry.age_max_s", SettingKind::number, set_telemetry_age,
            read_in<&ServerConfig::telemetry, &TelemetryLimits::age_max_s>},
    Setting{"jobs.active_max", SettingKind::number,
            set_job_limit<&JobEngineLimits::active_max, 1, 10'000'000>,
            read_in<&ServerConfig::jobs, &JobEngineLimits::active_max>},
    Setting{"jobs.active_bytes_max", SettingKind::number,
            set_job_limit<&JobEngineLimits::active_bytes_max, job_bytes_min, job_bytes_most>,
            read_in<&ServerConfig::jobs, &JobEngineLimits::active_bytes_max>},
    Setting{"jobs.history_bytes_max", SettingKind::number,
            set_job_limit<&JobEngineLimits::history_bytes_max, job_bytes_min, job_bytes_most>,
            read_in<&ServerConfig::jobs, &JobEngineLimits::history_bytes_max>},
    Setting{"jobs.running_max", SettingKind::number, set_job_limit<&JobEngineLimits::running_max, 1, 10'000>,
            read_in<&ServerConfig::jobs, &JobEngineLimits::running_max>},
    Setting{"jobs.continuous_max", SettingKind::number,
            set_job_limit<&JobEngineLimits::continuous_max, 1, 1'000>,
            read_in<&ServerConfig::jobs, &JobEngineLimits::continuous_max>},
    Setting{"jobs.twin_chunk_devices", SettingKind::number,
            set_job_limit<&JobEngineLimits::twin_chunk_devices, 1, 100'000>,
            read_in<&ServerConfig::jobs, &JobEngineLimits::twin_chunk_devices>},
    Setting{"jobs.method_window_max", SettingKind::number,
            set_job_limit<&JobEngineLimits::method_window_max, 1, 1'000'000>,
            read_in<&ServerConfig::jobs, &JobEngineLimits::method_window_max>},
    Setting{"jobs.reconnect_grace_s", SettingKind::number, set_reconnect_grace,
            read_in<&ServerConfig::jobs, &JobEngineLimits::reconnect_grace_s>},
    Setting{"configurations.metrics_interval_s", SettingKind::number, set_metrics_interval,
            read_metrics_interval},
    Setting{"provisioning.id_scopes", SettingKind::list, set_scopes,
            read_member<&ServerConfig::provisioning_scopes>},
    Setting{"provisioning.linked_hubs", SettingKind::list, set_linked_hubs,
            read_member<&ServerConfig::linked_hubs>},
    Setting{"dashboard.proxy_header", SettingKind::text, set_proxy_header,
            read_member<&ServerConfig::proxy_header>},
    Setting{"dashboard.proxy_addresses", SettingKind::list, set_proxy_addresses,
            read_member<&ServerConfig::proxy_addresses>},
    Setting{"dashboard.proxy_policy", SettingKind::text, set_text<&ServerConfig::proxy_policy>,
            read_member<&ServerConfig::proxy_policy>},
    Setting{"tracing.endpoint", SettingKind::text, set_tracing_endpoint,
            read_member<&ServerConfig::tracing_endpoint>},
    Setting{"tracing.sampled_percent", SettingKind::number, set_tracing_percent,
            read_member<&ServerConfig::tracing_percent>},
    Setting{"mcp.tools", SettingKind::text, set_model_tools, read_model_tools},
    Setting{"cluster.store", SettingKind::text, set_cluster_store,
            read_in<&ServerConfig::cluster, &ClusterConfig::store>},
    Setting{"cluster.node", SettingKind::text, set_cluster_node,
            read_in<&ServerConfig::cluster, &ClusterConfig::node>},
    Setting{"cluster.lease_s", SettingKind::number, set_cluster_lease,
            read_in<&ServerConfig::cluster, &ClusterConfig::lease_s>},
    Setting{"cluster.health", SettingKind::text, set_cluster_health,
            read_in<&ServerConfig::cluster, &ClusterConfig::health>},
    Setting{"cluster.advertise", SettingKind::text, set_cluster_advertise,
            read_in<&ServerConfig::cluster, &ClusterConfig::advertise>},
    Setting{"cluster.link_port", SettingKind::number, set_cluster_link_port,
            read_in<&ServerConfig::cluster, &ClusterConfig::link_port>},
};

}  // namespace

bool takes_effect_at_once(const Setting& setting) {
    return setting.key.starts_with("log_") || setting.key.starts_with("tls.");
}

std::span<const Setting> all_settings() {
    return settings;
}

const Setting* find_setting(std::string_view key) {
    const auto* found = std::find_if(settings.begin(), settings.end(),
                                     [key](const Setting& setting) { return setting.key == key; });
    return found == settings.end() ? nullptr : found;
}

std::string_view nearest_setting(std::string_view key) {
    // A longer key is no key's misspelling, and comparing it costs its square.
    constexpr std::size_t length_max = 64;
    if (key.size() > length_max) return {};
    std::string_view nearest;
    std::size_t best = key.size() / 2 + 1;
    for (const Setting& setting : settings) {
        // `active_max` where `jobs.active_max` was meant is as near as a misspelling.
        const auto dot = setting.key.find('.');
        const std::string_view bare =
            dot == std::string_view::npos ? setting.key : setting.key.substr(dot + 1);
        const std::size_t distance = std::min(edit_distance(key, setting.key), edit_distance(key, bare) + 1);
        if (distance < best) {
            best = distance;
            nearest = setting.key;
        }
    }
    return nearest;
}

}  // namespace carillon
