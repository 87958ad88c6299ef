#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "base/timers.hpp"
#include "core/shard/cloud_message_limits.hpp"
#include "core/shard/committer.hpp"
#include "core/shard/directory.hpp"
#include "core/shard/shard_traffic.hpp"
#include "core/shard/telemetry_limits.hpp"
#include "core/shard/twin_index_limits.hpp"
#include "model/etag_match.hpp"
#include "model/method.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

class CloudMessages;
class ImportEntry;  // model/registry_line.hpp
class JsonValue;
class Methods;
class Telemetry;
class TwinIndex;

/// Told of what happens to identities; the job engine listens. On the shard's thread.
class ShardObserver {
public:
    virtual ~ShardObserver() = default;
    /// `record` came online for direct methods (connected and subscribed), or widened what it takes.
    virtual void method_ready(Record& record) = 0;
    /// `record` is about to be forgotten: its removal is durable.
    virtual void removed(Record& record) = 0;
};

/// Told when an identity's documents have come to rest; configurations and jobs that go on taking devices
/// listen while there are any. On the shard's thread.
class WriteObserver {
public:
    virtual ~WriteObserver() = default;
    /// The last write of `record` under way has ended, be it durable or taken back.
    virtual void settled(Record& record) = 0;
};

/// What a shard needs from its surroundings; all of it outlives the shard.
struct ShardContext {
    boost::asio::any_io_executor executor;  ///< Of the one thread that runs this shard.
    /// Runs pieces of long work on the same thread, when nothing else is ready. Posted to from there.
    boost::asio::any_io_executor background;
    Clock& clock;
    Random& random;
    Store& store;
    StorageExecutor& storage;
    std::size_t shard_count = 1;  ///< Of the hub; a power of two, fixed when its store was made.
    TelemetryLimits telemetry;
    TwinIndexLimits index = {};
    CloudQueueLimits cloud_queues = {};
};

/// One share of the hub's identities, on one thread: everything about a device happens here, in
/// arrival order, and nothing of it needs a lock. A device's modules live with it.
///
/// Writers build on `Record::newest()`, add their write to the committer's batch by `write`, and
/// answer when it is durable; readers see `Record::committed` and never wait. A commit that fails
/// takes back every write that was built on it.
///
/// All members are for the shard's own thread; others reach it through `Shards::on`.
class Shard {
public:
    Shard(std::uint32_t number, const ShardContext& context);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    /// Reads the shard's identities and sessions from the store and replays the twin log. Before
    /// the shard's thread runs. Fails with `store_failed` or `store_corrupt`.
    Result<> load();

    std::uint32_t number() const { return number_; }
    std::size_t shard_count() const { return context_.shard_count; }
    const boost::asio::any_io_executor& executor() const { return context_.executor; }
    const boost::asio::any_io_executor& background() const { return context_.background; }
    Clock& clock() const { return context_.clock; }
    Random& random() const { return context_.random; }
    Store& store() const { return context_.store; }
    StorageExecutor& storage() const { return context_.storage; }
    Committer& committer() { return committer_; }
    Directory& directory() { return directory_; }
    Timers& timers() { return timers_; }
    Methods& methods() { return *methods_; }
    Telemetry& telemetry() { return *telemetry_; }
    CloudMessages& cloud_messages() { return *cloud_messages_; }
    TwinIndex& index() { return *index_; }
    /// What was done since the start; the parts of the shard add to it.
    ShardTraffic& traffic() { return traffic_; }

    // --- registry ------------------------------------------------------------------------------
    /// Creates or replaces the identity `body` describes. Without `match` only creates, with it only
    /// updates. Fails with `device_already_exists`, `device_not_found`, `module_…`,
    /// `precondition_failed`, `argument_invalid`, `too_many_modules_on_device`.
    /// Source: azure-iot-sdk-csharp: RegistryManager.cs. `body` is JSON text, parsed here, since missing keys
    /// are minted and what is omitted is reset against what exists. An edge device gets its system modules.
    Task<Result<Document>> put_identity(IdentityKey key, std::string body, EtagMatch match);
    /// Makes a module for a deployment: with keys of the hub's making, or a system module, which has none.
    /// Fails with `device_not_found`, `module_already_exists_on_device`,
    /// `too_many_modules_on_device`. Source: IoT Hub docs, "Deploy modules to a single device".
    Task<Result<>> make_module(IdentityKey key);
    /// Removes a device with its modules, or a module. Without `match` fails with `precondition_failed`; of a
    /// system module of an edge device with `system_module_modify_unauthorized`.
    Task<Result<>> remove_identity(IdentityKey key, EtagMatch match);
    /// Makes new keys for an identity that has keys. Fails with `device_not_found`, `module_not_found`,
    /// `argument_invalid` if it has none. Source: azure-iot-cli-extension, key regeneration.
    enum class KeyChoice : std::uint8_t { primary, secondary, both };
    Task<Result<Document>> regenerate_keys(IdentityKey key, KeyChoice choice);
    /// Carries out entries in their order, as many in one commit as go there within a slice of time; an
    /// identity and its twin are one write. Gives what became of each once all are durable; the errors
    /// are those of `put_identity`, `remove_identity` and `write_twin`.
    /// `mark` is called when the entries [begin, end) have gone into the batch being gathered, to put
    /// beside them what must be durable with them; it may be empty.
    using ImportMark =
        std::function<void(Batch& batch, const std::vector<ImportEntry>& entries,
                           const std::vector<Result<>>& outcomes, std::size_t begin, std::size_t end)>;
    Task<std::vector<Result<>>> apply_entries(std::vector<ImportEntry> entries, ImportMark mark);

    // --- twins ---------------------------------------------------------------------------------
    enum class TwinWrite { patch, replace };
    /// A service write. Fails with `device_not_found`, `precondition_failed`, `argument_invalid`.
    Task<Result<Document>> write_twin(IdentityKey key, TwinWrite kind, TwinPatch patch, EtagMatch match);
    /// A device's write to its reported properties: answers the new reported `$version`.
    /// `expected_version` is a precondition if present (`precondition_failed`).
    void write_reported(Record& record, const SectionPatch& patch,
                        std::optional<std::int64_t> expected_version,
                        UniqueFunction<void(Result<std::int64_t>)> done);

    // --- connections ---------------------------------------------------------------------------
    /// Makes `link` the identity's connection; an older one is closed and its requests fail.
    void attach(Record& record, DeviceLink& link);
    /// Ends `link`'s time as the connection; harmless if another took over. Requests sent over it
    /// and not answered fail with `device_connection_closed_remotely`.
    void detach(Record& record, DeviceLink& link);
    /// Replaces the stored subscriptions of the persistent session; `done` when durable. An empty
    /// optional forgets the session (clean session).
    void store_session(Record& record, std::optional<std::vector<Subscription>> subscriptions,
                       UniqueFunction<void(Result<>)> done);
    /// Notes the model that the device says it implements; it shows once it is durable, and nobody waits
    /// for that. An empty one says nothing. Source: IoT Hub docs, "IoT Plug and Play device developer guide".
    void announce_model(Record& record, std::string_view model_id);
    /// The endpoint says that a link's method subscriptions changed.
    void method_subscriptions_changed(Record& record);
    /// The endpoint says that the device was heard from (a publish of any kind).
    void touch(Record& record) { record.last_activity = context_.clock.wall_now(); }

    void add_observer(ShardObserver& observer) { observers_.push_back(&observer); }
    /// Both harmless if that is so already.
    void add_write_observer(WriteObserver& observer);
    void remove_write_observer(WriteObserver& observer) { std::erase(write_observers_, &observer); }

    // --- for writers within core ---------------------------------------------------------------
    /// Makes `document` (nothing: a removal) the record's newest state, as part of the batch being
    /// gathered; readers see it once that batch is durable. The caller has put, or puts before it
    /// returns to the loop, the bytes that say so into the batch.
    void write(Record& record, std::optional<Document> document);
    /// `write` of a whole document under the next sequence number, bytes included.
    void write_whole(Record& record, Document document);
    /// `write_whole` of a changed twin; the device is told of `notification`, unless that is empty, once the
    /// write is durable, and so in the order of the versions.
    void write_twin_change(Record& record, Document document, std::string notification);
    /// The number that orders this shard's writes: a document holds every twin-log entry up to its own.
    std::uint64_t next_sequence() { return ++sequence_; }
    /// True for a system module of an edge device: only the hub removes it and writes its twin.
    bool is_reserved(const IdentityKey& key) const;
    /// Why there is no identity `key`: `module_not_found` if its device is there, else `device_not_found`.
    Errc missing(const IdentityKey& key) const;
    /// The key of a record's rows in `identities` and `sessions`: shard, device, NUL and module.
    std::string stored_key(const IdentityKey& key) const;

private:
    struct Write {
        Record* record;
        std::optional<Document> document;
    };
    /// An identity in the batch being gathered.
    struct StagedIdentity {
        Document document;
        std::optional<Authentication> before;  ///< If it is there already.
    };
    struct WriteSet {
        std::uint64_t batch;
        std::vector<Write> writes;
    };

    Result<> load_identities(std::vector<std::uint64_t>& document_sequences);
    Result<> load_sessions();
    Result<> replay_twin_log(const std::vector<std::uint64_t>& document_sequences);
    Record& add_record(const IdentityKey& key);
    void settle(std::uint64_t batch, bool is_durable);
    void forget(Record& record);
    /// True while a removal of `key`, or of a system module of this device, is on its way to disk.
    bool is_leaving(const IdentityKey& key) const;
    void stage_module(const IdentityKey& key);
    Result<> check_creation(const IdentityKey& key) const;
    Result<const Document*> find_for_put(const IdentityKey& key, const EtagMatch& match) const;
    /// Puts an identity into the batch; with an `entry`, its twin too if it is new. `key` is not leaving.
    Result<StagedIdentity> stage_identity(const IdentityKey& key, JsonValue body, const EtagMatch& match,
                                          const ImportEntry* entry);
    Result<> stage_removal(const IdentityKey& key, const EtagMatch& match);
    Result<Document> stage_twin(const IdentityKey& key, TwinWrite kind, const TwinPatch& patch,
                                const EtagMatch& match);
    Result<std::optional<Authentication>> stage_entry(const ImportEntry& entry);
    void enforce_registration(const IdentityKey& key, const std::optional<Authentication>& before);
    const Document* newest(const IdentityKey& key) const;

    std::uint32_t number_;
    ShardContext context_;
    Directory directory_;
    Timers timers_;
    Committer committer_;
    std::deque<WriteSet> write_sets_;
    std::unique_ptr<Methods> methods_;
    std::unique_ptr<Telemetry> telemetry_;
    std::unique_ptr<TwinIndex> index_;
    std::unique_ptr<CloudMessages> cloud_messages_;
    std::vector<ShardObserver*> observers_;
    std::vector<WriteObserver*> write_observers_;  ///< Bound: one of each room that listens
    ShardTraffic traffic_;
    std::uint64_t sequence_ = 0;
    Ordinal ordinals_reserved_ = 0;
};

/// What a back end is told that would remove a system module, or write its twin. Source: iotedge#1162.
Error refused_as_reserved();
/// What a caller is told when the store refused a write: `service_unavailable`, so that it tries again.
Error unavailable(const Error& cause);

}  // namespace carillon
