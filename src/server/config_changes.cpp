#include "server/config_changes.hpp"

namespace carillon {

std::string names_of_changes(const ServerConfig& now, const ServerConfig& next) {
    std::string names;
    const auto compare = [&names](const char* key, bool is_same) {
        if (!is_same) names += (names.empty() ? "" : ",") + std::string(key);
    };
    compare("data_dir", now.data_dir == next.data_dir);
    compare("hostnames", now.hostnames == next.hostnames);
    compare("bind", now.bind == next.bind);
    compare("mqtts_port", now.mqtts_port == next.mqtts_port);
    compare("amqps_port", now.amqps_port == next.amqps_port);
    compare("https_port", now.https_port == next.https_port);
    compare("insecure_mqtt_port", now.insecure_mqtt_port == next.insecure_mqtt_port);
    compare("insecure_amqp_port", now.insecure_amqp_port == next.insecure_amqp_port);
    compare("admin.port", now.admin_port == next.admin_port);
    compare("admin.bind", now.admin_bind == next.admin_bind);
    compare("admin.tls", now.admin_tls == next.admin_tls);
    compare("admin.token_file", now.admin_token_file == next.admin_token_file);
    compare("audit.entries_max", now.audit_entries_max == next.audit_entries_max);
    compare("ready_file", now.ready_file == next.ready_file);
    compare("threads", now.threads == next.threads);
    compare("drain_s", now.drain_s == next.drain_s);
    compare("connections.open_max", now.connections_open_max == next.connections_open_max);
    compare("connections.unknown_per_address_max",
            now.connections_unknown_per_address_max == next.connections_unknown_per_address_max);
    compare("compatibility", now.compatibility == next.compatibility);
    compare("strict.tier", now.strict_tier == next.strict_tier);
    compare("strict.units", now.strict_units == next.strict_units);
    compare("query.functions", now.query_functions == next.query_functions);
    compare("query.statement_bytes_max", now.query_statement_bytes_max == next.query_statement_bytes_max);
    compare("files.root", now.files_root == next.files_root);
    compare("files.file_bytes_max", now.files.file_bytes_max == next.files.file_bytes_max);
    compare("files.device_bytes_max", now.files.device_bytes_max == next.files.device_bytes_max);
    compare("files.hub_bytes_max", now.files.hub_bytes_max == next.files.hub_bytes_max);
    compare("files.lifetime_s", now.files.lifetime_s == next.files.lifetime_s);
    compare("storage.import_root", now.import_root == next.import_root);
    compare("storage.web", now.storage_web == next.storage_web);
    compare("storage.hosts", now.storage_hosts == next.storage_hosts);
    compare("storage.ca_file", now.storage_ca == next.storage_ca);
    compare("telemetry.bytes_max", now.telemetry.bytes_max == next.telemetry.bytes_max);
    compare("telemetry.age_max_s", now.telemetry.age_max_s == next.telemetry.age_max_s);
    compare("jobs.active_max", now.jobs.active_max == next.jobs.active_max);
    compare("jobs.active_bytes_max", now.jobs.active_bytes_max == next.jobs.active_bytes_max);
    compare("jobs.history_bytes_max", now.jobs.history_bytes_max == next.jobs.history_bytes_max);
    compare("jobs.running_max", now.jobs.running_max == next.jobs.running_max);
    compare("jobs.twin_chunk_devices", now.jobs.twin_chunk_devices == next.jobs.twin_chunk_devices);
    compare("jobs.method_window_max", now.jobs.method_window_max == next.jobs.method_window_max);
    compare("jobs.reconnect_grace_s", now.jobs.reconnect_grace_s == next.jobs.reconnect_grace_s);
    compare("configurations.metrics_interval_s",
            now.configurations.metrics_interval == next.configurations.metrics_interval);
    compare("cluster", now.cluster == next.cluster);
    return names;
}

}  // namespace carillon
