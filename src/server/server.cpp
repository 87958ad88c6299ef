#include "server/server_parts.hpp"

#include "core/hub/device_traces.hpp"
#include "server/process/process_metrics.hpp"

#include <boost/asio/co_spawn.hpp>
#include <future>

namespace carillon {
namespace {

constexpr std::chrono::seconds between_trims{1};
constexpr std::chrono::seconds between_looks{1};
constexpr std::chrono::seconds between_looks_at_process{1};
constexpr std::size_t event_threads_count = 2;
constexpr std::size_t model_threads_count = 2;
constexpr std::uint32_t backup_thread_number = shards_max + 2;
constexpr std::uint16_t https_port_default = 443;

}  // namespace

// --- starting ----------------------------------------------------------------------------------

Result<std::unique_ptr<Server>> Server::start(const ServerConfig& config,
                                              std::span<const rest::WebFile> web_files,
                                              rest::ModelPort* models) {
    return start(config, web_files, nullptr, models);
}

Result<std::unique_ptr<Server>> Server::start(const ServerConfig& config,
                                              std::span<const rest::WebFile> web_files,
                                              std::unique_ptr<ClusterSeat> seat, rest::ModelPort* models) {
    auto parts = std::make_unique<Parts>(std::move(seat));
    parts->web_files = web_files;
    parts->config = config;
    parts->models = models;
    for (auto step :
         {&Parts::open_store, &Parts::load_tls, &Parts::build_hub, &Parts::build_web, &Parts::build_transfers,
          &Parts::build_events, &Parts::load_hub, &Parts::listen, &Parts::listen_for_operators}) {
        auto done = (*parts.*step)();
        if (!done) return fail(std::move(done).error());
    }
    std::unique_ptr<Server> server(new Server(std::move(parts)));
    server->parts_->run();
    auto announced = server->parts_->announce();
    if (!announced) return fail(std::move(announced).error());
    server->parts_->data_dir->keep();
    if (auto& taken = server->parts_->seat) {
        const auto took = std::chrono::steady_clock::now() - taken->taken_at;
        taken->load_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
        log.info("the hub is loaded and served milliseconds={}", taken->load_ms.load());
    }
    return server;
}

Result<> Server::Parts::open_store() {
    if (seat) {
        data_dir.emplace(std::move(seat->data_dir));
    } else {
        auto taken = config.read_only ? DataDir::take_to_read(config.data_dir)
                                      : DataDir::take(config.data_dir, DataDir::lock_wait_max);
        if (!taken) return fail(std::move(taken).error());
        data_dir.emplace(*std::move(taken));
        if (is_node_dir(data_dir->path())) {
            return fail(Errc::config_invalid,
                        data_dir->path().string() +
                            " is a node's of a cluster: run `carillon serve --cluster --store ...`");
        }
    }
    if (!config.ready_file.empty()) {
        std::error_code ignored;
        std::filesystem::remove(config.ready_file, ignored);
    }
    // Whatever refuses the start does so before anything is changed.
    if (config.tls_certificate.empty()) {
        auto whole = check_authority(data_dir->path());
        if (!whole) return whole;
    }
    const auto shares = share_descriptors(descriptors_of_process(), config.connections_open_max);
    connections.open_max = shares.connections;
    strangers.per_address_max = config.connections_unknown_per_address_max;
    RocksOptions options;
    options.event_bytes = config.telemetry.bytes_max * event_partitions_min;
    options.open_files_max = shares.store_files;
    if (seat) {
        store = seat->store;
    } else if (auto opened = config.read_only ? open_to_read() : open_rocks(options); !opened) {
        return opened;
    }
    auto loaded = load_or_create_meta(*store, random, usable_cores());
    if (!loaded) return fail(std::move(loaded).error());
    meta = *std::move(loaded);
    summary.is_new_hub = meta.is_new;
    summary.shards = meta.shard_count;
    return {};
}

Result<> Server::Parts::open_rocks(const RocksOptions& options) {
    auto opened = open_hub_store(*data_dir, options);
    if (!opened) return fail(std::move(opened).error());
    std::unique_ptr<RocksStore> own = *std::move(opened);
    rocks = own.get();
    store = std::move(own);
    backups = std::make_unique<Backups>(*rocks, data_dir->path(), config.hostnames.front(), clock, random,
                                        backup_thread_number);
    return {};
}

/// From here on the files are held by their descriptors, and a hub may be started on the directory.
Result<> Server::Parts::open_to_read() {
    auto opened = open_hub_store_to_read(*data_dir);
    if (!opened) return fail(std::move(opened).error());
    std::unique_ptr<ReadOnlyStore> own = *std::move(opened);
    reading = own.get();
    store = std::move(own);
    return {};
}

Result<> Server::Parts::load_tls() {
    auto found = find_certificates(config, *data_dir);
    if (!found) return fail(std::move(found).error());
    auto context = TlsContext::load(found->files);
    if (!context) return fail(std::move(context).error());
    tls = std::make_unique<TlsContexts>(*std::move(context));
    certificates.note(*found);
    // For people to copy, and for programs that stand in other folders.
    if (!found->ca.empty()) summary.ca_file = std::filesystem::absolute(found->ca).string();
    summary.made_ca = found->made_ca;
    summary.made_certificates = found->made_server;
    return {};
}

Result<> Server::Parts::build_hub() {
    auto policies = Policies::load_or_create(*store, random);
    if (!policies) return fail(std::move(policies).error());
    const std::size_t thread_count = config.threads != 0 ? config.threads : usable_cores();
    threads = std::make_unique<IoThreads>(thread_count, clock);
    loops = std::make_unique<LoopWatch>(*threads, clock);
    summary.threads = thread_count;
    std::vector<std::unique_ptr<Shard>> shards;
    for (std::size_t i = 0; i < meta.shard_count; ++i) {
        const auto number = static_cast<std::uint32_t>(i);
        storage.push_back(std::make_unique<StorageThread>(number));
        const ShardContext context{.executor = threads->of_shard(i).executor(),
                                   .background = threads->of_shard(i).background_executor(),
                                   .clock = clock,
                                   .random = random,
                                   .store = seat ? seat->store->of_shard(i) : *store,
                                   .storage = *storage.back(),
                                   .shard_count = meta.shard_count,
                                   .telemetry = config.telemetry};
        shards.push_back(std::make_unique<Shard>(number, context));
        // What a shard does by the clock changes something: it ends messages, starts jobs.
        if (reading == nullptr) threads->of_shard(i).drive(shards.back()->timers());
    }
    HubOptions options = hub_options(config);
    if (reading != nullptr) {  // Who waits for a limit does so by the clock of a shard, which stands still.
        options.tier.reset();
        options.callers = {};
    }
    hub = std::make_unique<Hub>(std::move(shards), *std::move(policies), config.hostnames, config.jobs,
                                meta.token_key, options);
    return {};
}

Result<> Server::Parts::build_web() {
    web = std::make_unique<rest::WebDashboard>(*hub, meta.token_key, random, web_files);
    web->proxy = {config.proxy_header, config.proxy_addresses, config.proxy_policy};
    follow_keys();
    const auto ended = store->get(Table::meta, rest::WebDashboard::stored_key);
    if (!ended) return fail(ended.error());
    return *ended ? web->sessions.restore(**ended) : Result<>();
}

/// Events are read on threads of their own, beside those that write.
Result<> Server::Parts::build_events() {
    event_threads =
        std::make_unique<StorageThread>(static_cast<std::uint32_t>(storage.size() + 3), event_threads_count);
    hub->events().use(*event_threads);
    // A thread for each endpoint of routes, as one that hangs holds up its own.
    const auto number = static_cast<std::uint32_t>(storage.size() + 4);
    hub->events().routing().use(*delivery, config.hostnames.front(),
                                [number] { return std::make_unique<StorageThread>(number); });
    return {};
}

/// Import and export jobs have a thread of their own, as files and servers on the web are slow, and
/// others to look at the inputs of new jobs.
Result<> Server::Parts::build_transfers() {
    if (!config.tracing_endpoint.empty()) {
        auto opened = OtlpExporter::open(config.tracing_endpoint, config.tracing_percent, config.storage_ca,
                                         config.hostnames.front(), random);
        if (!opened) return fail(std::move(opened).error());
        spans = *std::move(opened);
    }
    auto reach = WebReach::parse(config.storage_web, config.storage_hosts);
    if (!reach) return fail(std::move(reach).error());
    auto trust = WebTrust::load(config.storage_ca, *std::move(reach));
    if (!trust) return fail(std::move(trust).error());
    const std::filesystem::path root = config.import_root.empty() ? data_dir->path() / "import-export"
                                                                  : std::filesystem::path(config.import_root);
    blobs =
        std::make_unique<BlobContainers>(std::filesystem::absolute(root).lexically_normal().string(), *trust);
    const bool reaches_none = config.storage_web == WebReach::Mode::nobody;
    auto brokers =
        BrokerReach::of(reaches_none ? std::vector<std::string>() : config.storage_hosts, config.storage_ca);
    delivery = std::make_unique<DeliveryDrivers>(*blobs, *trust, std::move(brokers), config.hostnames.front(),
                                                 (data_dir->path() / "dead-letters").string(), clock);
    if (spans) delivery->use(*spans);
    if (spans) hub->traces().use(*spans);
    if (!config.provisioning_scopes.empty()) {
        auto opened =
            ProvisioningReach::open(config, *trust, clock, static_cast<std::uint32_t>(storage.size() + 5));
        if (!opened) return fail(std::move(opened).error());
        provisioning_reach = *std::move(opened);
        if (spans) provisioning_reach->use(*spans);
        provisioning_reach->serve(hub->provisioning());
    }
    TransferLimits limits;
    transfer_thread = std::make_unique<StorageThread>(static_cast<std::uint32_t>(storage.size()));
    lookout =
        std::make_unique<StorageThread>(static_cast<std::uint32_t>(storage.size() + 1), limits.looks_max);
    if (config.compatibility == Compatibility::strict) limits.active_max = 1;
    hub->transfers().use(*blobs, *transfer_thread, *lookout, limits);
    if (reading != nullptr) return {};  // Devices do not upload.
    auto opened_files = DeviceFiles::open(*hub, config, *blobs, data_dir->path(), storage.size() + 6);
    if (!opened_files) return fail(std::move(opened_files).error());
    device_files = *std::move(opened_files);
    return {};
}

/// Shards read their identities side by side: that is most of a large hub's start.
Result<> Server::Parts::load_hub() {
    std::vector<std::future<Result<>>> loading;
    for (std::size_t i = 0; i < hub->shards().count(); ++i) {
        loading.push_back(std::async(std::launch::async, [this, i] { return hub->shards()[i].load(); }));
    }
    Result<> outcome;
    for (auto& shard : loading) {
        auto loaded = shard.get();
        if (!loaded && outcome) outcome = fail(std::move(loaded).error());
    }
    if (!outcome) return outcome;
    for (std::size_t i = 0; i < hub->shards().count(); ++i)
        summary.identities += hub->shards()[i].directory().size();
    if (auto loaded = hub->keys().load(); !loaded) return loaded;
    if (auto loaded = hub->messages().load(); !loaded) return loaded;
    audit = std::make_unique<AuditLog>(hub->shards().first());
    audit->use(config.audit_entries_max);
    if (auto loaded = audit->load(); !loaded) return loaded;
    if (auto loaded = load_authorities(); !loaded) return loaded;
    if (auto loaded = hub->jobs().load(); !loaded) return loaded;
    hub->configurations().use(config.configurations);
    if (auto loaded = hub->configurations().load(); !loaded) return loaded;
    if (auto loaded = hub->events().load(); !loaded) return loaded;
    hub->provisioning().use(config.provisioning_scopes);
    if (auto loaded = hub->provisioning().load(); !loaded) return loaded;
    if (authorities) lend_authorities();
    if (auto loaded = hub->transfers().load(); !loaded) return loaded;
    if (reading != nullptr) {
        reading->loaded();
        data_dir->let_go();
    }
    return {};
}

Result<> Server::Parts::load_authorities() {
    if (seat) return {};  // Nodes that stand by would not know of them.
    authorities = std::make_unique<ClientAuthorities>(hub->shards().first());
    if (auto loaded = authorities->load(); !loaded) return loaded;
    authorities->use([this](const std::vector<std::string>& trusted) {
        const std::lock_guard lock(tls_changes);
        auto renewed = renew_tls(config, trusted);
        if (renewed) lend_authorities();
        return renewed;
    });
    const auto trusted = authorities->trusted();
    return trusted.empty() ? Result<>() : renew_tls(config, trusted);
}

/// What signs device certificates may be named by enrollments.
void Server::Parts::lend_authorities() {
    std::vector<EnrollmentAuthority> verified;  // Bound: ClientAuthorities::authorities_max
    for (const ClientAuthority& authority : authorities->all()) {
        if (authority.is_verified)
            verified.push_back({authority.name, authority.certificate, authority.updated});
    }
    hub->provisioning().lend(std::move(verified));
}

Result<> Server::Parts::renew_tls(const ServerConfig& settings_now, const std::vector<std::string>& trusted) {
    auto found = find_certificates(settings_now, *data_dir);
    if (!found) return fail(std::move(found).error());
    found->files.client_authorities = trusted;
    auto context = TlsContext::load(found->files);
    if (!context) return fail(std::move(context).error());
    tls->replace(*std::move(context));
    certificates.note(*found);
    return {};
}

Result<> Server::Parts::listen() {
    auto given = GivenSockets::from_environment();
    if (!given) return fail(std::move(given).error());
    given_sockets = *std::move(given);
    mqtt = std::make_unique<MqttEndpoint>(*hub, *threads, &web->connections);
    if (hub->provisioning().is_on()) registrations = std::make_unique<MqttRegistrationEndpoint>(*hub, *mqtt);
    ConnectionFactory& mqtt_door = registrations ? static_cast<ConnectionFactory&>(*registrations) : *mqtt;
    amqp = std::make_unique<AmqpEndpoint>(*hub, *threads, &web->connections);
    if (reading != nullptr) return listen_to_read();
    websockets = std::make_unique<WebSocketProtocols>(
        WebSocketProtocols::Served{{"mqtt", &mqtt_door}, {"AMQPWSB10", amqp.get()}});
    rest = std::make_unique<RestEndpoint>(*hub, websockets.get(), web.get(), backups.get(), audit.get());
    if (authorities) rest->use(*authorities);
    serve_models();
    auto done = listen_on(mqtt_door, config.mqtts_port, "--mqtts-port", summary.mqtts, *tls);
    if (!done) return done;
    done = listen_on(*rest, config.https_port, "--https-port", summary.https, *tls);
    if (!done) return done;
    note_https_port();
    if (config.amqps_port != 0) {
        done = listen_on(*amqp, config.amqps_port, "--amqps-port", summary.amqps, *tls);
        if (!done) return done;
    }
    done =
        listen_plainly(mqtt_door, config.insecure_mqtt_port, "--insecure-mqtt-port", summary.insecure_mqtt);
    if (!done) return done;
    given_sockets.warn_of_others({config.https_port, config.mqtts_port, config.amqps_port});
    done = listen_plainly(*amqp, config.insecure_amqp_port, "--insecure-amqp-port", summary.insecure_amqp);
    return done ? listen_for_nodes(mqtt_door) : done;
}

/// No port for devices, and none of back ends that send or receive messages.
Result<> Server::Parts::listen_to_read() {
    rest = std::make_unique<RestEndpoint>(*hub, nullptr, web.get(), nullptr, audit.get());
    rest->only_read();
    rest->use(*authorities);
    serve_models();
    auto done = listen_on(*rest, config.https_port, "--https-port", summary.https, *tls);
    if (!done) return done;
    note_https_port();
    given_sockets.warn_of_others({config.https_port});
    return {};
}

void Server::Parts::serve_models() {
    if (spans) rest->use(*spans);
    if (models == nullptr) return;
    const auto number = static_cast<std::uint32_t>(storage.size() + 7);
    model_threads = std::make_unique<StorageThread>(number, model_threads_count);
    model_host.reset(new rest::ModelHost{*models, *model_threads});
    rest->use(*model_host);
}

void Server::Parts::note_https_port() {
    https_port = listeners.back()->port();
    if (web->files.empty()) return;
    const std::string port = https_port == https_port_default ? "" : ":" + std::to_string(https_port);
    summary.dashboard = "https://" + config.hostnames.front() + port + "/ui";
}

Result<> Server::Parts::listen_for_nodes(ConnectionFactory& mqtt_door) {
    if (!seat || !seat->links) return {};
    const NodeLinks& links = *seat->links;
    auto context = TlsContext::load({.key_pairs = {links.own}, .client_ca = links.ca, .client_crl = {}});
    if (!context) return fail(std::move(context).error());
    line_tls = std::make_unique<TlsContexts>(*std::move(context));
    lines = std::make_unique<LineEndpoint>(
        *threads, LineEndpoint::Options{.node_domain = links.domain,
                                        .incarnation = seat->incarnation,
                                        .mqtt = &mqtt_door,
                                        .https = rest.get(),
                                        .amqp = config.amqps_port != 0 ? amqp.get() : nullptr,
                                        .strangers = &strangers});
    return listen_on(*lines, links.port, "--link-port", summary.links, *line_tls);
}

Result<> Server::Parts::listen_plainly(ConnectionFactory& factory, std::uint16_t port, const char* flag,
                                       std::string& shown) {
    if (port == 0) return {};
    const PortPlan plan{*threads, factory, channel_limits(), nullptr, port, flag};
    std::vector<std::string> places;
    auto done = open_listeners(plan, {loopback}, {}, listeners, places);
    if (done) shown = places.front();
    return done;
}

Result<> Server::Parts::listen_on(ConnectionFactory& factory, std::uint16_t port, const char* flag,
                                  std::vector<std::string>& shown, const TlsContexts& contexts) {
    const PortPlan plan{*threads, factory, channel_limits(), &contexts, port, flag};
    return open_listeners(plan, config.bind, given_sockets, listeners, shown);
}

ChannelLimits Server::Parts::channel_limits() {
    ChannelLimits limits;
    limits.total = &unsent;
    limits.count = &connections;
    limits.strangers = &strangers;
    return limits;
}

/// What operators read is about the hub as a whole, and yet not for everybody.
Result<> Server::Parts::listen_for_operators() {
    settings.begin(config, {{"threads", {std::to_string(summary.threads)}},
                            {"bind", config.bind.empty() ? std::vector<std::string>{loopback, loopback_v6}
                                                         : config.bind},
                            {"connections.open_max", {std::to_string(connections.open_max)}}});
    const HubSources sources{.hub = *hub,
                             .shards = figures,
                             .threads = *threads,
                             .loops = *loops,
                             .mqtt = *mqtt,
                             .amqp = *amqp,
                             .rest = *rest,
                             .rocks = rocks,
                             .seat = seat.get(),
                             .lines = lines.get(),
                             .spans = spans.get(),
                             .unsent = unsent,
                             .connections = connections,
                             .certificates = certificates,
                             .settings = settings,
                             .clock = system_clock,
                             .started = clock.wall_now()};
    pages = std::make_unique<HubPages>(sources);
    web->status = pages.get();
    if (config.admin_port == 0) return {};
    auto options = admin_options(config, tls.get());
    if (!options) return fail(std::move(options).error());
    auto opened = AdminEndpoint::open(*pages, system_clock, *std::move(options));
    if (!opened)
        return fail(refused_port(opened.error(), config.admin_bind, config.admin_port, "--admin-port"));
    admin = *std::move(opened);
    summary.admin = config.admin_bind + ":" + std::to_string(admin->port());
    return {};
}

void Server::Parts::run() {
    runs = true;
    threads->start();
    if (reading == nullptr) start_work();
    for (std::size_t i = 0; i < hub->shards().count(); ++i) {
        Shard& shard = hub->shards()[i];
        figures.push_back(std::make_unique<ShardFigures>());
        IoThread& thread = threads->of_shard(i);
        thread.post([this, &shard, &thread, own = figures.back().get()] { look_after(shard, thread, *own); });
    }
}

void Server::Parts::start_work() {
    audit->note_hub("start");
    threads->of_shard(0).post([this] { look_at_backups(hub->shards()[0]); });
    threads->of_shard(0).post([this] { hub->events().routing().start(); });
    hub->jobs().start();
    hub->transfers().start();
    hub->configurations().start();
}

/// What the commands on this machine are told; the keys are those of now.
Result<> Server::Parts::tell_machine() const {
    HubFile file = hub_file;
    for (const auto& policy : hub->policies().all()) {
        file.policies.push_back({policy->name, policy->primary_key});
    }
    return write_hub_file(data_dir->path(), file);
}

/// What a new key changes outside the core.
void Server::Parts::follow_keys() {
    HubKeys::Outside outside;
    outside.end_connections = [this](const std::vector<KeyTag>& keys) {
        for (std::size_t i = 0; i < threads->size(); ++i) {
            IoThread& thread = (*threads)[i];
            thread.post([&thread, keys] { thread.end_keys(keys); });
        }
    };
    outside.take_token_key = [this](std::string_view key) { web->sessions.renew(key); };
    outside.tell_machine = [this] { return tell_machine(); };
    outside.storage = storage.front().get();
    hub->keys().use(std::move(outside));
}

Result<> Server::Parts::announce() {
    if (reading == nullptr) {
        if (auto told = tell_commands(); !told) return told;
    }
    for (auto& listener : listeners) {
        auto started = listener->start();
        if (!started) return started;
    }
    if (admin) {
        if (auto started = admin->start(); !started) return started;
    }
    IoThread& watcher = admin ? admin->thread() : threads->of_shard(0);
    watcher.post([this, &watcher] { look_at_process(watcher); });
    if (config.ready_file.empty()) return {};
    return write_file(config.ready_file, "ready\n", Readable::by_all);
}

Result<> Server::Parts::tell_commands() {
    hub_file.host_name = config.hostnames.front();
    hub_file.address = config.bind.empty() ? loopback : config.bind.front();
    if (hub_file.address == "0.0.0.0") hub_file.address = loopback;
    if (hub_file.address == "::") hub_file.address = loopback_v6;
    hub_file.mqtts_port = listeners.front()->port();
    hub_file.https_port = https_port;
    hub_file.ca_file = summary.ca_file;
    if (admin) {
        hub_file.admin_address = config.admin_bind;
        hub_file.admin_port = admin->port();
        hub_file.admin_tls = config.admin_tls;
    }
    return tell_machine();
}

void Server::Parts::look_after(Shard& shard, IoThread& thread, ShardFigures& own) {
    if (reading == nullptr) shard.telemetry().trim();
    own.note(shard);
    thread.timers().at(clock.now() + between_trims,
                       [this, &shard, &thread, &own] { look_after(shard, thread, own); });
}

void Server::Parts::look_at_backups(Shard& shard) {
    if (backups) backups->look();
    shard.timers().at(clock.now() + between_looks, [this, &shard] { look_at_backups(shard); });
}

/// From the thread for operators, if there is one: it turns when others do not.
void Server::Parts::look_at_process(IoThread& watcher) {
    loops->ask();
    huge_pages.look(anonymous_bytes());
    watcher.timers().at(clock.now() + between_looks_at_process,
                        [this, &watcher] { look_at_process(watcher); });
}

}  // namespace carillon
