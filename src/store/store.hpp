#pragma once

#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// The kinds of stored record. Each is an ordered map of byte strings; docs/storage.md has the keys
/// and values. The numbers are stored, so they stay.
enum class Table : std::uint8_t {
    meta = 0,            ///< The hub itself: format version, shards, policies, secrets.
    identities = 1,      ///< Whole documents: identity and twin.
    sessions = 2,        ///< MQTT subscriptions that outlive a connection.
    twin_log = 3,        ///< What twin jobs wrote since the documents were.
    jobs = 4,            ///< Job definitions and states.
    job_events = 5,      ///< Each job's append-only log.
    events = 6,          ///< Device-to-cloud messages, oldest removed.
    configurations = 7,  ///< Configurations, and which of them select which twins.
    cloud_messages = 8,  ///< Cloud-to-device messages that wait, and feedback on those that do not any more.
    provisioning = 9,    ///< Enrollments, and the records of registrations.
};
inline constexpr std::size_t table_count = 10;
/// Names of the tables on disk, by `Table`; they stay.
inline constexpr std::array<const char*, table_count> table_names = {
    "meta",       "identities", "sessions",       "twin_log",       "jobs",
    "job_events", "events",     "configurations", "cloud_messages", "provisioning",
};

/// Writes that become durable together or not at all, applied in the order they were added.
class Batch {
public:
    struct Op {
        enum class Kind : std::uint8_t { put, erase, erase_range } kind;
        Table table;
        std::string key;
        std::string value;  ///< For `erase_range`: the end, exclusive.
    };

    void put(Table table, std::string key, std::string value);
    void erase(Table table, std::string key);
    /// Removes all keys in [from, to); nothing where `to` is not greater than `from`. In `Table::events` for
    /// good: none of them is written again.
    void erase_range(Table table, std::string from, std::string to);
    void append(Batch&& other);

    bool is_empty() const { return ops_.empty(); }
    std::size_t bytes() const { return bytes_; }  ///< Keys and values.
    const std::vector<Op>& ops() const { return ops_; }

private:
    std::vector<Op> ops_;
    std::size_t bytes_ = 0;
};

/// The port to durable storage. Blocking; safe from any thread.
class Store {
public:
    virtual ~Store() = default;

    /// Applies `batch` atomically; when it returns success the batch is on disk. Fails with
    /// `store_failed`, and then nothing of it is applied. After a failure later commits may
    /// succeed again, such as when a full disk has room.
    virtual Result<> commit(const Batch& batch) = 0;

    /// The value of `key`, or nothing. Fails with `store_failed`.
    virtual Result<std::optional<std::string>> get(Table table, std::string_view key) const = 0;

    /// Visits [from, to) in byte order until `visit` answers false; an empty `to` means the end.
    /// Sees one state of the table throughout. Fails with `store_failed`.
    using Visit = std::function<bool(std::string_view key, std::string_view value)>;
    virtual Result<> scan(Table table, std::string_view from, std::string_view to,
                          const Visit& visit) const = 0;
};

}  // namespace carillon
