#pragma once

#include "base/log_format.hpp"
#include "base/result.hpp"
#include "core/configurations/configurations.hpp"
#include "core/hub/audit_log.hpp"
#include "core/hub/hub_options.hpp"
#include "core/jobs/jobs.hpp"
#include "core/messages/files/file_limits.hpp"
#include "core/shard/telemetry_limits.hpp"
#include "endpoint/blob/web_reach.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Whether the hub helps where it can, or refuses where the real one does. See ARCHITECTURE.md, "Compatible
/// first".
enum class Compatibility { helpful, strict };

/// What language models are offered at the REST endpoint (docs/mcp.md).
enum class ModelTools : std::uint8_t { off, read, change };

/// A hub of several processes, of which one serves.
struct ClusterConfig {
    std::string store;  ///< PostgreSQL, as libpq takes it; empty for a hub that runs alone.
    std::string node;   ///< Which of them this process is; empty for what the data directory says.
    std::uint32_t lease_s = 5;
    std::string health;     ///< Where load balancers ask, `ADDRESS:PORT`; empty for nowhere.
    std::string advertise;  ///< An IP address at which others reach it; empty for the first of `bind`.
    /// Where the node that serves takes connections that others pass on; 0 for none.
    std::uint16_t link_port = 7883;

    bool operator==(const ClusterConfig&) const = default;
};

/// Where the value of a setting comes from.
struct SettingOrigin {
    enum class Kind : std::uint8_t { file, environment, command_line, strict_mode };
    Kind kind = Kind::file;
    std::string place;  ///< `FILE:LINE`, or the environment variable; else empty.
};

/// Everything `carillon serve` can be told. docs/configuration.md explains each key to its user.
struct ServerConfig {
    std::string data_dir = "carillon-data";
    /// The first one is in connection strings; SDKs for C# and Java want a dot in it.
    std::vector<std::string> hostnames = {"hub.localhost", "localhost"};
    std::vector<std::string> bind;  ///< IP addresses; empty means the machine's loopback ones.
    std::uint16_t mqtts_port = 8883;
    std::uint16_t amqps_port = 5671;  ///< 0 for none.
    std::uint16_t https_port = 443;
    std::uint16_t insecure_mqtt_port = 0;  ///< Without TLS, on 127.0.0.1 only; 0 for none.
    std::uint16_t insecure_amqp_port = 0;  ///< The same for AMQP.
    std::string admin_bind = "127.0.0.1";  ///< Of metrics and health.
    std::uint16_t admin_port = 0;          ///< 0 for none.
    bool admin_tls = false;                ///< By the hub's own certificates.
    std::string admin_token_file;          ///< Holds what `/metrics` asks for; empty for nothing.
    std::size_t audit_entries_max = AuditLog::entries_default;
    std::string ready_file;                ///< Written when all listeners accept; empty for none.
    std::uint32_t threads = 0;             ///< 0 means one for each core.
    std::size_t connections_open_max = 0;  ///< 0 means as many as descriptors allow.
    std::size_t connections_unknown_per_address_max = 1024;
    CallerRates callers;
    std::uint32_t drain_s = 0;  ///< Over which a stop spreads the ends of connections.
    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::text;
    /// Places in `log_modules`, and their levels. Bound: fixed.
    std::vector<std::pair<std::size_t, LogLevel>> log_modules;
    Compatibility compatibility = Compatibility::helpful;
    std::optional<Tier> strict_tier;                    ///< Nothing for S1; only in strict mode.
    std::optional<unsigned> strict_units;               ///< Nothing for one.
    std::optional<query::FunctionSet> query_functions;  ///< Nothing for what `compatibility` says.
    std::optional<std::size_t> query_statement_bytes_max;
    std::string tls_certificate;  ///< PEM of the operator's own; empty for those the hub makes.
    std::string tls_key;
    std::string tls_client_ca;   ///< CAs that sign device certificates.
    std::string tls_client_crl;  ///< Their revocation lists.
    /// Where `file:` containers of import and export jobs lie; empty for a folder in the data directory.
    std::string import_root;
    WebReach::Mode storage_web = WebReach::Mode::everyone;
    std::vector<std::string> storage_hosts;  ///< As `WebReach::parse` takes them.
    std::string storage_ca;  ///< PEM of authorities to trust for blob containers, besides the system's.
    /// Where files that devices upload lie; empty for a folder in the data directory.
    std::string files_root;
    /// A blob container that they are passed on to, as `Blobs` names it; empty where they stay. A secret.
    std::string files_container;
    FileLimits files;
    TelemetryLimits telemetry;
    JobEngineLimits jobs;
    ConfigurationPaces configurations;
    /// What devices name that register here (Device Provisioning Service); empty: none do.
    std::vector<std::string> provisioning_scopes;
    /// Connection strings of other hubs that they may be assigned to; they hold keys.
    std::vector<std::string> linked_hubs;
    std::string proxy_header;  ///< Names people who may sign in to the dashboard; empty: none does.
    std::vector<std::string> proxy_addresses;  ///< Who may send it.
    std::string proxy_policy = "iothubowner";  ///< What these people may do.
    ModelTools model_tools = ModelTools::off;
    std::string tracing_endpoint;  ///< Of a collector that takes spans by OTLP over HTTP; empty for none.
    std::uint32_t tracing_percent = 100;  ///< Of traces that begin here.
    ClusterConfig cluster;
    /// Nothing in the data directory is changed, and devices do not connect. No setting: `--read-only`.
    bool read_only = false;
    /// By key; what is missing here has its default. Bound: the keys there are.
    std::map<std::string, SettingOrigin> origins;
};

/// Has the process log as the configuration says.
void set_up_log(const ServerConfig& config);

/// How the hub is set up by this configuration: queries, and in strict mode the throttles of its tier.
HubOptions hub_options(const ServerConfig& config);

/// Where settings come from besides the defaults, strongest last.
struct ConfigSources {
    std::string file;                                ///< TOML; empty for none.
    std::map<std::string, std::string> environment;  ///< All of it; what is not ours is ignored.
    /// By key, such as `https_port`. Several values for a list.
    std::map<std::string, std::vector<std::string>> flags;
};

/// The process's environment.
std::map<std::string, std::string> process_environment();

/// Reads the configuration: flags win over the environment, that over the file, that over defaults.
/// In the environment `CARILLON_JOBS__ACTIVE_MAX` is the key `jobs.active_max`, and lists are
/// separated by commas. Fails with `config_invalid`, naming place, key and, for a key that is
/// unknown, the nearest one that is not, and keys of strict mode without it; with `not_found_locally` if the
/// file cannot be read.
Result<ServerConfig> load_config(const ConfigSources& sources);

}  // namespace carillon
