#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "core/events/routing/endpoint_worker.hpp"
#include "core/events/routing/event_drivers.hpp"
#include "core/events/routing/routing_table.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class Events;
class Shards;
class StorageExecutor;

/// Routes of messages to endpoints, and the endpoints: kept durably, changed one at a time, and worked on.
/// Any thread once the hub runs.
class MessageRouting {
public:
    using MakeThread = std::function<std::unique_ptr<StorageExecutor>()>;

    /// `shards` and `events` outlive it.
    MessageRouting(Shards& shards, Events& events);
    ~MessageRouting();

    /// Names the drivers, the hub, and what makes a thread for an endpoint; without, no endpoint can be made.
    /// Before `load`.
    void use(EventDrivers& drivers, std::string hub_name, MakeThread make_thread);
    /// Reads routes and endpoints. Before the threads run. Fails with `store_failed`, `store_corrupt`.
    Result<> load();
    /// Begins to send; on the first shard's thread, or before the threads run.
    void start();
    /// Returns when nothing is sent any more.
    Task<> stop();

    std::shared_ptr<const RoutingTable> table() const;

    /// Makes a route, or puts another in its place, as `MessageRoute::parse` reads `body`. Fails with
    /// `argument_invalid`, `iot_hub_format_error`, `service_unavailable`.
    Task<Result<>> put_route(std::string name, std::string body);
    /// Fails with `generic_not_found`, `service_unavailable`.
    Task<Result<>> remove_route(std::string name);
    /// The same of an endpoint, as `RouteEndpoint::parse` reads `body`. A new one gets what comes from now
    /// on, or all that is still kept: member `start`, `latest` or `earliest`.
    Task<Result<>> put_endpoint(std::string name, std::string body);
    /// Fails with `generic_not_found`, with `operation_not_allowed_in_current_state` while a route leads
    /// there, with `service_unavailable`.
    Task<Result<>> remove_endpoint(std::string name);
    /// How an endpoint fares; nothing if there is none.
    std::optional<EndpointStatus> status(std::string_view endpoint) const;

private:
    struct Draft;
    Task<Result<>> change(std::function<Result<>(Draft&)> make);
    Task<Result<>> change_there(std::function<Result<>(Draft&)> make);
    std::vector<std::uint64_t> first_positions(bool from_earliest) const;
    Result<> stage_log(Draft& draft, RouteEndpoint& endpoint) const;
    void follow_logs(const Draft& draft);
    Result<> load_logs(const std::vector<RouteEndpoint>& endpoints);
    void follow_table();
    void set_sources();
    std::vector<std::shared_ptr<EndpointWorker>> change_workers();
    Task<> stop_there();

    Shards& shards_;
    Events& events_;
    std::string hub_name_;
    EventDrivers* drivers_ = nullptr;
    MakeThread make_thread_;
    bool is_changing_ = false;  ///< On the first shard's thread; one change at a time.
    bool is_started_ = false;
    std::uint32_t next_log_ = 1;  ///< The number of the next log of an endpoint.
    /// Logs of endpoints that are gone, to be removed at the start. Bound: those that were removed before a
    /// crash.
    std::vector<std::uint32_t> orphans_;
    mutable std::mutex mutex_;  ///< Guards the members below; held for short looks.
    std::shared_ptr<const RoutingTable> table_;
    /// By name in lower case. Bound: RoutingLimits::endpoints_max
    std::map<std::string, std::shared_ptr<EndpointWorker>> workers_;
    /// Of endpoints whose worker is to begin. Bound: RoutingLimits::endpoints_max
    std::map<std::string, EndpointPosition> positions_;
    /// Of endpoints that were removed, until they have ended. Bound: each ends within a second.
    std::vector<std::shared_ptr<EndpointWorker>> retired_;
};

}  // namespace carillon
