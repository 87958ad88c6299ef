#include "server/hub_metrics.hpp"

#include "core/hub/hub.hpp"
#include "core/jobs/job_pages.hpp"
#include "core/shard/methods.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/twin_index.hpp"
#include "endpoint/mqtt/mqtt_endpoint.hpp"
#include "endpoint/rest/rest_endpoint.hpp"
#include "endpoint/rest/rest_metrics.hpp"
#include "net/io_thread.hpp"
#include "net/socket_channel.hpp"
#include "server/certificates/certificate_dates.hpp"
#include "server/metrics/cluster_metrics.hpp"
#include "server/metrics/core_metrics.hpp"
#include "server/metrics/protocol_metrics.hpp"
#include "store/rocks_store.hpp"

#include <string>
#include <vector>

namespace carillon {
namespace {

std::uint64_t sum(const std::vector<std::unique_ptr<ShardFigures>>& shards, Gauge ShardFigures::*what) {
    std::uint64_t all = 0;
    for (const auto& shard : shards) all += static_cast<std::uint64_t>(((*shard).*what).value());
    return all;
}

void write_net(MetricsText& page, const ConnectionCount& connections, const UnsentTotal& unsent) {
    page.gauge("carillon_connections_open", "Connections that are open, on all ports.")
        .sample(std::uint64_t{connections.open.load()});
    page.gauge("carillon_connections_max", "Connections that may be open at once.")
        .sample(std::uint64_t{connections.open_max});
    page.counter("carillon_accept_pauses", "Times that accepting stopped as the most connections were open.")
        .sample(std::uint64_t{connections.pauses.load()});
    page.gauge("carillon_unsent_bytes",
               "Bytes that wait for peers that do not read as fast as they are sent to.")
        .sample(std::uint64_t{unsent.bytes.load()});
    page.gauge("carillon_unsent_bytes_max", "What these may come to before the slowest peers are cut.")
        .sample(std::uint64_t{unsent.bytes_max});
    page.counter("carillon_slow_peers_cut", "Connections cut as too much waited for all peers together.")
        .sample(std::uint64_t{unsent.cuts.load()});
}

void write_shards(MetricsText& page, const std::vector<std::unique_ptr<ShardFigures>>& shards) {
    page.gauge("carillon_devices_registered", "Device identities, without modules.")
        .sample(sum(shards, &ShardFigures::devices));
    page.gauge("carillon_devices_connected", "Devices and modules that are connected.")
        .sample(sum(shards, &ShardFigures::connected));
    page.counter("carillon_device_connects", "Devices and modules that connected.")
        .sample(sum(shards, &ShardFigures::connects));
    page.counter("carillon_device_disconnects", "Devices and modules whose connection ended.")
        .sample(sum(shards, &ShardFigures::disconnects));
    page.counter("carillon_d2c_messages", "Messages from devices that were taken.")
        .sample(sum(shards, &ShardFigures::messages));
    page.counter("carillon_methods_sent", "Direct methods sent to devices, of jobs too.")
        .sample(sum(shards, &ShardFigures::methods));
    page.gauge("carillon_methods_in_flight", "Direct methods that devices have not answered yet.")
        .sample(sum(shards, &ShardFigures::methods_in_flight));
    page.counter("carillon_document_writes", "Identities and twins that became durable, of jobs too.")
        .sample(sum(shards, &ShardFigures::writes));
    page.counter("carillon_store_commits", "Batches that were sent to the disk.")
        .sample(sum(shards, &ShardFigures::commits));
    page.gauge("carillon_query_columns", "Columns that queries use, all shards together.")
        .sample(sum(shards, &ShardFigures::columns));
    page.gauge("carillon_query_column_bytes", "What these take in memory.")
        .sample(sum(shards, &ShardFigures::column_bytes));
    page.gauge("carillon_query_stale_rows", "Rows that columns do not know yet, so that queries read twins.")
        .sample(sum(shards, &ShardFigures::column_stale_rows));
}

void write_jobs(MetricsText& page, const JobListPage& running) {
    JobCounts counts;
    for (const JobSnapshot& job : running.jobs) {
        if (job.counts) counts += *job.counts;
    }
    page.gauge("carillon_jobs_running", "Jobs at work.").sample(std::uint64_t{running.jobs.size()});
    page.gauge("carillon_job_devices", "Devices of the jobs at work, by state.")
        .sample(counts.pending, {{"state", "pending"}})
        .sample(counts.running, {{"state", "running"}})
        .sample(counts.succeeded, {{"state", "succeeded"}})
        .sample(counts.failed, {{"state", "failed"}})
        .sample(counts.canceled, {{"state", "canceled"}});
}

void write_store(MetricsText& page, const RocksStore& store) {
    const StoreUsage usage = store.usage();
    page.gauge("carillon_store_table_bytes", "Bytes of table files on disk.");
    for (std::size_t table = 0; table < table_count; ++table) {
        page.sample(usage.table_bytes[table], {{"table", table_names[table]}});
    }
    page.gauge("carillon_store_log_bytes", "Bytes of write-ahead logs on disk.").sample(usage.log_bytes);
    page.gauge("carillon_store_memory_bytes", "What the store holds in memory.")
        .sample(usage.buffer_bytes, {{"part", "write_buffers"}})
        .sample(usage.cache_bytes, {{"part", "block_cache"}})
        .sample(usage.reader_bytes, {{"part", "table_readers"}});
    page.gauge("carillon_store_pending_compaction_bytes", "Bytes that compaction is behind by.")
        .sample(usage.pending_compaction_bytes);
    page.gauge("carillon_store_background_jobs", "Flushes and compactions at work.")
        .sample(usage.flushes_running, {{"kind", "flush"}})
        .sample(usage.compactions_running, {{"kind", "compaction"}});
    page.gauge("carillon_store_write_slowdown", "1 while the store slows writes, as compaction is behind.")
        .sample(std::uint64_t{usage.delayed_bytes_per_second != 0});
    page.gauge("carillon_store_stopped", "1 while the disk refuses writes.")
        .sample(std::uint64_t{usage.is_stopped});
    page.gauge("carillon_disk_free_bytes", "Room on the file system of the data.")
        .sample(usage.disk_free_bytes);
    page.gauge("carillon_disk_bytes", "Size of the file system of the data.").sample(usage.disk_bytes);
}

void write_mqtt(MetricsText& page, const MqttEndpoint& mqtt) {
    const auto total = [&mqtt](mqtt::Counter mqtt::Metrics::*what) {
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < mqtt.thread_count(); ++i) all += (mqtt.metrics(i).*what).value();
        return all;
    };
    using M = mqtt::Metrics;
    const std::uint64_t opened = total(&M::connections_opened);
    const std::uint64_t closed = total(&M::connections_closed);
    page.gauge("carillon_mqtt_connections_open", "MQTT connections that are open.")
        .sample(opened > closed ? opened - closed : std::uint64_t{0});
    page.counter("carillon_mqtt_connects", "CONNECT packets, by their answer.")
        .sample(total(&M::connects_accepted), {{"result", "ok"}})
        .sample(total(&M::connects_refused), {{"result", "refused"}});
    page.counter("carillon_mqtt_disconnects", "MQTT connections that ended, by who ended them.")
        .sample(total(&M::closed_by_client), {{"by", "client"}})
        .sample(total(&M::closed_by_hub), {{"by", "hub"}})
        .sample(total(&M::closed_by_breach), {{"by", "breach"}})
        .sample(total(&M::keep_alives_expired), {{"by", "keep_alive"}});
    page.counter("carillon_mqtt_operations", "What MQTT devices asked for and were told.")
        .sample(total(&M::telemetry_received), {{"op", "telemetry"}})
        .sample(total(&M::twin_reads), {{"op", "twin_read"}})
        .sample(total(&M::twin_writes), {{"op", "twin_update"}})
        .sample(total(&M::desired_sent), {{"op", "desired_notification"}})
        .sample(total(&M::cloud_messages_sent), {{"op", "cloud_message"}})
        .sample(total(&M::methods_sent), {{"op", "method_request"}})
        .sample(total(&M::methods_answered), {{"op", "method_response"}});
    page.counter("carillon_mqtt_methods_dropped",
                 "Direct methods not sent, as too much waited for the device.")
        .sample(total(&M::methods_dropped));
    page.counter("carillon_mqtt_received_bytes", "Bytes of MQTT received, decrypted.")
        .sample(total(&M::bytes_received));
}

void write_rest(MetricsText& page, const RestEndpoint& endpoint, std::size_t threads) {
    const auto table = rest::routes();
    std::vector<rest::RouteMetrics> routes(table.size() + 1);
    for (std::size_t thread = 0; thread < threads; ++thread) {
        const rest::RestMetrics* metrics = endpoint.metrics(thread);
        if (metrics == nullptr) continue;
        for (std::size_t i = 0; i < routes.size(); ++i) {
            const rest::RouteMetrics& part = i < table.size() ? metrics->routes[i] : metrics->others;
            for (std::size_t c = 0; c < rest::RouteMetrics::classes; ++c)
                routes[i].answers[c] += part.answers[c];
            routes[i].seconds += part.seconds;
        }
    }
    // Of what was never asked for nothing is said: of seventy operations few are used.
    const auto each = [&](auto visit) {
        for (std::size_t i = 0; i < routes.size(); ++i) {
            visit(i < table.size() ? table[i].method : "", i < table.size() ? table[i].pattern : "none",
                  routes[i]);
        }
    };
    page.counter("carillon_rest_requests",
                 "Requests of the HTTPS port, by operation and the answer's status.");
    each([&](std::string_view method, std::string_view route, const rest::RouteMetrics& metrics) {
        for (std::size_t c = 0; c < rest::RouteMetrics::classes; ++c) {
            if (metrics.answers[c] == 0) continue;
            const std::string code = std::to_string(c) + "xx";
            page.sample(metrics.answers[c].value(), {{"method", method}, {"route", route}, {"code", code}});
        }
    });
    page.histogram("carillon_rest_request_seconds",
                   "From the end of a request's header until its answer is ready.");
    each([&](std::string_view method, std::string_view route, const rest::RouteMetrics& metrics) {
        if (metrics.seconds.count() == 0) return;
        page.sample(metrics.seconds, {{"method", method}, {"route", route}});
    });
    page.gauge("carillon_rest_requests_running", "Requests of the HTTPS port that are being answered.")
        .sample(std::uint64_t{endpoint.requests_running()});
}

}  // namespace

void ShardFigures::note(Shard& shard) {
    const auto number = [](auto value) { return static_cast<std::int64_t>(value); };
    const ShardTraffic& traffic = shard.traffic();
    devices = traffic.devices;
    connected = traffic.connected;
    connects = number(traffic.connects);
    disconnects = number(traffic.disconnects);
    methods = number(traffic.methods);
    writes = number(traffic.writes);
    messages = number(traffic.messages);
    methods_in_flight = number(shard.methods().in_flight());
    commits = number(shard.committer().commits());
    columns = number(shard.index().columns());
    column_bytes = number(shard.index().bytes());
    column_stale_rows = number(shard.index().stale_rows());
}

void write_hub_metrics(MetricsText& page, const HubSources& from, const JobListPage& running) {
    page.gauge("carillon_build_info", "Always 1; the label says which version runs.")
        .sample(std::uint64_t{1}, {{"version", CARILLON_VERSION}});
    Shards& shards = from.hub.shards();
    write_shards(page, from.shards);
    write_method_metrics(page, shards);
    write_cloud_message_metrics(page, shards);
    write_route_metrics(page, from.hub.events());
    write_jobs(page, running);
    write_job_metrics(page, from.hub.jobs());
    if (from.rocks != nullptr) {
        write_commit_metrics(page, from.rocks->commits());
        write_store(page, *from.rocks);
    }
    if (from.seat != nullptr) write_cluster_metrics(page, *from.seat, from.lines);
    write_net(page, from.connections, from.unsent);
    write_handshake_metrics(page, from.threads);
    write_login_metrics(page, from.hub.logins());
    write_mqtt(page, from.mqtt);
    write_amqp_metrics(page, from.amqp);
    write_rest(page, from.rest, from.threads.size());
    page.gauge("carillon_tls_cert_expiry_timestamp_seconds", "When a certificate that the hub serves ends.");
    for (const auto& date : from.certificates.all()) page.sample(date.end.unix_s(), {{"file", date.file}});
}

}  // namespace carillon
