#pragma once

#include "base/clock.hpp"
#include "base/metrics_text.hpp"

#include <memory>
#include <vector>

namespace carillon {

class AmqpEndpoint;
class CertificateDates;
class Hub;
class IoThreads;
class LineEndpoint;
class LoopWatch;
class MqttEndpoint;
class OtlpExporter;
class RestEndpoint;
class RocksStore;
class SettingsReport;
class Shard;
struct ClusterSeat;
struct ConnectionCount;
struct JobListPage;  // core/jobs/job_pages.hpp
struct UnsentTotal;

/// What a shard has and has done, as its thread notes it about once a second. Read by any thread.
struct ShardFigures {
    Gauge devices;
    Gauge connected;
    Gauge connects;
    Gauge disconnects;
    Gauge methods;
    Gauge writes;
    Gauge messages;
    Gauge methods_in_flight;
    Gauge commits;
    Gauge columns;
    Gauge column_bytes;
    Gauge column_stale_rows;

    /// On the shard's thread.
    void note(Shard& shard);
};

/// Where a running hub's counters are.
struct HubSources {
    Hub& hub;
    const std::vector<std::unique_ptr<ShardFigures>>& shards;
    IoThreads& threads;
    const LoopWatch& loops;
    const MqttEndpoint& mqtt;
    const AmqpEndpoint& amqp;
    const RestEndpoint& rest;
    const RocksStore* rocks;    ///< Null for a hub in a cluster, whose PostgreSQL has metrics of its own.
    const ClusterSeat* seat;    ///< Null for a hub that runs alone.
    const LineEndpoint* lines;  ///< Null unless other nodes pass connections on.
    const OtlpExporter* spans;  ///< Null if none are sent anywhere.
    const UnsentTotal& unsent;
    const ConnectionCount& connections;
    const CertificateDates& certificates;
    const SettingsReport& settings;
    Clock& clock;
    WallTime started;
};

/// Writes every metric of a hub (`running` are its jobs at work), from counters that its threads keep anyway:
/// nothing here walks over devices or waits for a thread. docs/monitoring.md has every name.
void write_hub_metrics(MetricsText& page, const HubSources& from, const JobListPage& running);

}  // namespace carillon
