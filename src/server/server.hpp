#pragma once

#include "base/result.hpp"
#include "server/settings/config.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace carillon {

namespace rest {
struct WebFile;
class ModelPort;
}  // namespace rest
struct ClusterSeat;

/// The whole hub in one process: reads what it is to be from the configuration, picks the drivers,
/// and starts and stops everything in order. One thread uses it, which is none of its own.
class Server {
public:
    /// How long connections and requests have to finish when the server goes down.
    static constexpr std::chrono::seconds drain_max{5};

    /// What a person at the terminal wants to know.
    struct Summary {
        std::vector<std::string> mqtts;  ///< `address:port`
        std::vector<std::string> amqps;
        std::vector<std::string> https;
        std::string admin;               ///< `address:port` of metrics and health; empty if not configured.
        std::vector<std::string> links;  ///< Where other nodes of a cluster pass connections on.
        std::string insecure_mqtt;       ///< Empty if not configured.
        std::string insecure_amqp;
        std::size_t threads = 0;
        std::size_t shards = 0;
        std::size_t identities = 0;
        std::string ca_file;
        std::string dashboard;  ///< Its address; empty if the program has none.
        bool is_new_hub = false;
        bool made_ca = false;
        bool made_certificates = false;
    };

    /// Returns when all listeners accept and the ready file is written. Fails with `config_invalid`,
    /// `store_failed`, `store_corrupt`, `tls_failed` or `io_failed`, in words for the terminal.
    /// `web_files` are the dashboard's, which live as long as the program; none for a hub without one.
    /// `models`, if there is one, answers language models and outlives the server.
    static Result<std::unique_ptr<Server>> start(const ServerConfig& config,
                                                 std::span<const rest::WebFile> web_files = {},
                                                 rest::ModelPort* models = nullptr);
    /// The same for a hub of a cluster, which takes its seat.
    static Result<std::unique_ptr<Server>> start(const ServerConfig& config,
                                                 std::span<const rest::WebFile> web_files,
                                                 std::unique_ptr<ClusterSeat> seat,
                                                 rest::ModelPort* models = nullptr);
    /// Stops, if it has not been.
    ~Server();

    const Summary& summary() const;

    /// Takes over what can change while running: certificates, client CAs, the log level. All of it
    /// or, on any error, nothing. Other settings that differ are named in the log as wanting a restart.
    Result<> reload(const ServerConfig& config);

    /// Whether every event loop has turned since the last call; to be asked now and then.
    bool is_well();

    /// No method of a job is sent any more: another process is about to take the hub over, so nobody is to
    /// wait for answers here. Connections then end at once, whatever `ServerConfig::drain_s` says.
    void rest();
    /// Requests of method jobs that may still be answered.
    std::size_t methods_in_flight() const;

    /// Accepts no more, stops jobs, ends connections spread over `ServerConfig::drain_s`, lets answers finish
    /// for up to `drain_max` and waits for the last commit. Calls `tick`, if set, at least every ten seconds.
    void stop(const std::function<void()>& tick = {});

private:
    struct Parts;
    explicit Server(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace carillon
