#pragma once

#include "server/server.hpp"

#include "base/log.hpp"
#include "cluster/line_endpoint.hpp"
#include "core/configurations/configurations.hpp"
#include "core/events/events.hpp"
#include "core/events/routing/message_routing.hpp"
#include "core/hub/audit_log.hpp"
#include "core/hub/client_authorities.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/hub_keys.hpp"
#include "core/jobs/jobs.hpp"
#include "core/messages/messages.hpp"
#include "core/provisioning/provisioning.hpp"
#include "core/shard/placement.hpp"
#include "core/shard/telemetry.hpp"
#include "core/transfers/transfers.hpp"
#include "endpoint/amqp/amqp_endpoint.hpp"
#include "endpoint/blob/blob_containers.hpp"
#include "endpoint/delivery/delivery_drivers.hpp"
#include "endpoint/delivery/otlp_exporter.hpp"
#include "endpoint/mqtt/mqtt_endpoint.hpp"
#include "endpoint/mqtt/registration_endpoint.hpp"
#include "endpoint/rest/operate/model_host.hpp"
#include "endpoint/rest/rest_endpoint.hpp"
#include "endpoint/rest/web/web_dashboard.hpp"
#include "endpoint/rest/websocket_protocols.hpp"
#include "net/io_thread.hpp"
#include "net/listener.hpp"
#include "server/backup/backups.hpp"
#include "server/certificates/certificate_dates.hpp"
#include "server/certificates/certificates.hpp"
#include "server/certificates/hub_certificates.hpp"
#include "server/cluster/cluster_seat.hpp"
#include "server/cluster/cluster_setup.hpp"
#include "server/data_dir.hpp"
#include "server/device_files.hpp"
#include "server/hub_file.hpp"
#include "server/hub_meta.hpp"
#include "server/hub_pages.hpp"
#include "server/hub_store.hpp"
#include "server/listening.hpp"
#include "server/loop_endings.hpp"
#include "server/private_file.hpp"
#include "server/process/descriptors.hpp"
#include "server/process/huge_pages.hpp"
#include "server/process/loop_watch.hpp"
#include "server/process/refused_port.hpp"
#include "server/process/usable_cores.hpp"
#include "server/provisioning_reach.hpp"
#include "server/settings/admin_options.hpp"
#include "server/settings/config_changes.hpp"
#include "server/settings/settings_report.hpp"
#include "server/storage_thread.hpp"
#include "store/rocks_store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace carillon {

/// Everything a running hub is made of, in the order it starts; so it goes in reverse.
struct Server::Parts {
    explicit Parts(std::unique_ptr<ClusterSeat> taken) : seat(std::move(taken)) {}

    const std::unique_ptr<ClusterSeat> seat;  ///< Null for a hub that runs alone.
    ServerConfig config;
    Summary summary;
    SystemClock system_clock;
    Clock& clock = seat ? seat->clock : system_clock;
    SystemRandom random;
    UnsentTotal unsent;
    ConnectionCount connections;
    StrangerCounts strangers;
    CertificateDates certificates;
    SettingsReport settings;
    std::optional<DataDir> data_dir;
    std::shared_ptr<Store> store;
    RocksStore* rocks = nullptr;       ///< The same; null in a cluster, and where it is only read.
    ReadOnlyStore* reading = nullptr;  ///< The same; null unless it is only read.
    HubMeta meta;
    std::unique_ptr<TlsContexts> tls;
    std::mutex tls_changes;  ///< Held while `tls` is renewed; guards `config` once the hub runs.
    std::unique_ptr<IoThreads> threads;
    std::unique_ptr<LoopWatch> loops;
    HugePages huge_pages;
    std::vector<std::unique_ptr<StorageThread>> storage;
    std::unique_ptr<OtlpExporter> spans;  ///< Null if none are sent anywhere.
    std::unique_ptr<BlobContainers> blobs;
    std::unique_ptr<StorageThread> transfer_thread;
    std::unique_ptr<StorageThread> lookout;
    std::unique_ptr<StorageThread> event_threads;
    std::unique_ptr<DeliveryDrivers> delivery;
    std::unique_ptr<ProvisioningReach> provisioning_reach;  ///< Null unless the hub provisions devices.
    std::unique_ptr<Hub> hub;
    std::unique_ptr<DeviceFiles> device_files;  ///< Null if devices cannot upload.
    std::unique_ptr<AuditLog> audit;
    std::unique_ptr<ClientAuthorities> authorities;      ///< Null in a cluster.
    std::vector<std::unique_ptr<ShardFigures>> figures;  ///< Of each shard.
    std::unique_ptr<MqttEndpoint> mqtt;
    std::unique_ptr<MqttRegistrationEndpoint> registrations;  ///< Null unless the hub provisions devices.
    std::unique_ptr<AmqpEndpoint> amqp;
    std::unique_ptr<WebSocketProtocols> websockets;
    std::span<const rest::WebFile> web_files;
    std::unique_ptr<rest::WebDashboard> web;
    std::unique_ptr<Backups> backups;   ///< Null in a cluster: PostgreSQL's own are right there.
    rest::ModelPort* models = nullptr;  ///< Null if there are none to serve.
    std::unique_ptr<StorageThread> model_threads;
    std::unique_ptr<rest::ModelHost> model_host;
    std::unique_ptr<RestEndpoint> rest;
    std::unique_ptr<TlsContexts> line_tls;  ///< Null unless other nodes pass connections on.
    std::unique_ptr<LineEndpoint> lines;
    GivenSockets given_sockets;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::unique_ptr<HubPages> pages;
    std::unique_ptr<AdminEndpoint> admin;
    std::uint16_t https_port = 0;  ///< As bound.
    HubFile hub_file;              ///< Without the keys.
    bool runs = false;

    Result<> open_store();
    Result<> open_rocks(const RocksOptions& options);
    Result<> open_to_read();
    Result<> load_tls();
    Result<> build_hub();
    Result<> build_web();
    Result<> build_transfers();
    Result<> build_events();
    Result<> load_hub();
    Result<> load_authorities();
    void lend_authorities();
    /// Has new connections believe devices by `trusted`, each DER in base64, and by what `settings_now`
    /// names.
    Result<> renew_tls(const ServerConfig& settings_now, const std::vector<std::string>& trusted);
    Result<> listen();
    Result<> listen_to_read();
    void note_https_port();
    void serve_models();
    ChannelLimits channel_limits();
    Result<> listen_on(ConnectionFactory& factory, std::uint16_t port, const char* flag,
                       std::vector<std::string>& shown, const TlsContexts& contexts);
    Result<> listen_for_nodes(ConnectionFactory& mqtt_door);  ///< Those that stand by pass connections on.
    /// Without TLS, on the loopback address, if there is a port.
    Result<> listen_plainly(ConnectionFactory& factory, std::uint16_t port, const char* flag,
                            std::string& shown);
    Result<> listen_for_operators();
    Result<> tell_machine() const;
    Result<> tell_commands();  ///< Where the hub is, for commands on this machine.
    void follow_keys();
    Result<> announce();
    void run();
    void start_work();

    void look_after(Shard& shard, IoThread& thread, ShardFigures& own);
    void look_at_backups(Shard& shard);
    void look_at_process(IoThread& watcher);
    bool wait_for(const std::function<bool()>& done) const;
    bool wait_for_end(Task<> task) const;
    void flush_commits();
};

}  // namespace carillon
