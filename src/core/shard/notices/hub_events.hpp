#pragma once

#include "model/event_source.hpp"
#include "model/message.hpp"
#include "model/twin.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace carillon {

class Shard;
class Telemetry;
struct Record;

/// Events that a shard makes of what happens to its identities, beside what devices send: in the same
/// partitions and in the batch that makes the change itself durable, so that an event is in the log exactly
/// when its change is on disk. Of a kind that no route wants nothing is made. Shard's thread but where
/// another is named. Source: IoT Hub docs, "Azure IoT Hub non-telemetry event schemas".
class HubEvents {
public:
    HubEvents(Shard& shard, Telemetry& telemetry);

    /// Before the threads run.
    void use(std::string hub_name) { hub_name_ = std::move(hub_name); }
    /// Finds who was connected when the hub was killed. Before the threads run. Fails with `store_failed`.
    Result<> load();
    /// Any thread; what happens on the shard from then on is told accordingly.
    void set_sources(EventSources sources) { sources_ = sources.bits(); }
    /// Tells, some in a turn, that those whom `load` found have disconnected.
    void tell_of_lost_connections();

    /// `record` gets `after` as its newest document (null: it is removed); `before` is null for a new one. In
    /// the batch being gathered.
    void document_changes(const Record& record, const Document* before, const Document* after);
    /// The next change of a twin replaces it.
    void replaces_twin() { is_replaced_ = true; }
    void connected(const Record& record);
    void disconnected(const Record& record);
    /// What an event of a job is of.
    struct OfJob {
        std::string_view id;
        std::string_view type;
    };
    /// `operation` happened to a device of a job, or without one to the job itself; `body` is JSON.
    void job_happens(const std::optional<IdentityKey>& device, std::string_view operation, OfJob job,
                     std::string body);
    bool takes(EventSource source) const { return EventSources(sources_).has(source); }

private:
    struct Notice {
        EventSource source;
        std::string_view schema;
        std::string_view operation;
        std::string body;
    };
    void put(const IdentityKey& key, Notice notice);
    Message make(Notice notice) const;
    void put_connection(const IdentityKey& key, std::string_view operation);
    void put_connected(const IdentityKey& key);
    void put_disconnected(const IdentityKey& key);
    std::string connected_prefix() const;

    Shard& shard_;
    Telemetry& telemetry_;
    std::string hub_name_;
    std::atomic<std::uint8_t> sources_{0};
    bool is_replaced_ = false;
    /// Whose connection is noted on disk, so that its end is told even if the hub is killed. By
    /// `IdentityKey::path`. Bound: the identities of the shard.
    std::set<std::string, std::less<>> connected_;
    /// Of them, those who were when the hub was killed. Bound: the identities of the shard.
    std::set<std::string, std::less<>> lost_;
};

}  // namespace carillon
