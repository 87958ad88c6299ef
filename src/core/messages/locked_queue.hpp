#pragma once

#include "base/task.hpp"
#include "base/timers.hpp"
#include "core/shard/shards.hpp"
#include "model/cloud_message.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// A durable queue of the whole hub from which back ends receive, one item after the other, each locked while
/// one of them works on it. Rows of `Table::cloud_messages`; of an item that waits, memory holds its number
/// and times. Lives on the first shard; what returns a `Task` is safe from any thread.
class LockedQueue {
public:
    static constexpr std::int64_t time_to_live_s = 3600;
    static constexpr std::uint8_t delivery_count_max = 10;
    /// Ours: items that wait; the oldest go.
    static constexpr std::size_t items_max = 16'384;

    struct Item {
        std::uint64_t sequence = 0;
        std::uint8_t delivery_count = 0;  ///< How often it was given before and came back.
        LockToken lock{};
        std::string row;  ///< As it was staged.
    };

    /// `prefix` is the letter that the keys of its rows begin with; `what` names the items in the log and in
    /// errors.
    LockedQueue(Shards& shards, char prefix, std::string_view what);
    ~LockedQueue();
    LockedQueue(const LockedQueue&) = delete;
    LockedQueue& operator=(const LockedQueue&) = delete;

    /// Finds what waits; `read_time` gives when the item of a row was enqueued. Before the threads run.
    Result<> load(const std::function<Result<WallTime>(std::string_view row)>& read_time);

    // --- on the first shard's thread -------------------------------------------------------------
    /// Puts an item into the batch being gathered. The caller says `added` when that is durable.
    std::uint64_t stage(std::string row);
    void added(std::uint64_t sequence, WallTime enqueued);
    /// For protocols that send by themselves: `ready` is called whenever `receive` may give an item that it
    /// did not before; quick. Gives what `unwatch` takes.
    std::uint64_t watch(std::function<void()> ready);
    void unwatch(std::uint64_t watcher);

    // --- any thread ------------------------------------------------------------------------------
    /// Gives the oldest item that is not locked, and locks it for `lock_time`; nothing if there is none.
    /// Fails with `service_unavailable`.
    Task<Result<std::optional<Item>>> receive(Duration lock_time);
    /// Ends a lock: complete and reject remove the item, abandon gives it back. Fails with
    /// `device_message_lock_lost`, `service_unavailable`.
    Task<Result<>> settle(LockToken token, Settlement how);

private:
    static constexpr std::chrono::seconds between_sweeps{10};

    struct Lock {
        LockToken token{};
        Timers::Id timer;
    };
    struct Waiting {
        WallTime enqueued;
        std::unique_ptr<Lock> lock;
        std::uint8_t delivery_count = 0;
        bool is_leaving = false;
    };

    static Task<Result<std::optional<Item>>> receive_here(LockedQueue* self, Duration lock_time);
    static Task<Result<>> settle_here(LockedQueue* self, LockToken token, Settlement how);
    std::string key(std::uint64_t sequence) const;
    void give_back(std::uint64_t sequence);
    void erase(std::uint64_t sequence, Waiting& waiting);
    void sweep();
    void tell();

    Shards& shards_;
    Shard& shard_;
    const char prefix_;
    const std::string_view what_;
    std::map<std::uint64_t, Waiting> items_;  ///< Bound: items_max
    std::map<std::uint64_t, std::function<void()>> watchers_;
    std::uint64_t last_watcher_ = 0;
    std::uint64_t next_sequence_ = 1;
    Timers::Id sweep_timer_;
    bool has_dropped_ = false;
};

}  // namespace carillon
