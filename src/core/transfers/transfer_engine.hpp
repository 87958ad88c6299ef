#pragma once

// The inside of `Transfers`: what runs on the thread of shard 0. Not for others.

#include "base/pending.hpp"
#include "core/port/import_marks.hpp"
#include "core/port/shard_port.hpp"
#include "core/transfers/transfers.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

struct Transfers::Engine {
    Engine(Shards& s, ShardPort& p) : shards(s), port(p), shard(s.first()) {}

    /// A job, and what is known of it beside its record.
    struct Entry {
        TransferJob job;
        bool is_cancelling = false;  ///< Durably, though not in the job's status yet.
        /// Of an import, by shard: lines up to it count. Empty before the first line.
        std::vector<std::uint64_t> marks;
    };

    // transfers.cpp: the table of jobs
    Result<> load();
    Result<std::vector<std::uint64_t>> read_marks(std::uint64_t number) const;
    Result<> check_quota() const;
    Task<Result<>> look_at_input(std::string container, std::string name);
    Task<Result<TransferJob>> create(TransferOrder order);
    Task<Result<TransferJob>> find(std::string id);
    Task<std::vector<TransferJob>> list();
    Task<Result<>> cancel(std::string id);
    Task<> stop();
    void wake();
    void prune();
    Entry* find_entry(const std::string& id);
    void put(const Entry& entry);
    Task<Result<>> save(const Entry& entry);
    WallTime now() const { return shard.clock().wall_now(); }

    // transfer_run.cpp: the job at work
    Task<> work(std::uint64_t number);
    /// What a job has come to; nothing if the hub stops before its end.
    Task<std::optional<Result<>>> run_import(Entry* entry);
    Task<std::optional<Result<>>> run_export(Entry* entry);
    Task<Result<>> apply(Entry* entry, ImportChunk* chunk);
    Task<Result<>> record_chunk(Entry* entry, ImportChunk* chunk);
    Task<Result<>> write_errors(TransferJob* job);
    Task<Result<>> conclude(Entry* entry, Result<> outcome);
    Task<> rest();
    Task<std::optional<Result<>>> attempt(Entry* entry);
    Task<std::optional<Result<>>> attempt_again(Entry* entry);

    /// Runs `work` on a thread of `where` and leaves its result here.
    template <class T>
    std::shared_ptr<Pending<T>> begin(StorageExecutor& where, UniqueFunction<T()> work) {
        auto pending = std::make_shared<Pending<T>>();
        auto job = std::make_shared<UniqueFunction<T()>>(std::move(work));
        where.run([pending, job, executor = shard.executor()] {
            auto result = std::make_shared<T>((*job)());
            *job = {};  // What it holds is let go of on its own thread.
            boost::asio::post(executor, [pending, result] { pending->leave(std::move(*result)); });
        });
        return pending;
    }

    Shards& shards;
    ShardPort& port;
    Shard& shard;
    Blobs* blobs = nullptr;
    StorageExecutor* worker = nullptr;
    StorageExecutor* lookout = nullptr;
    TransferLimits limits;
    std::map<std::uint64_t, Entry> entries;  ///< By number; an entry stays where it is.
    std::uint64_t next_number = 1;
    std::uint64_t at_work = 0;  ///< The number of the job at work; 0 for none.
    std::size_t looking = 0;    ///< Inputs being looked at.
    bool is_stopping = false;
    std::vector<std::shared_ptr<Pending<bool>>> at_rest;  ///< Who waits for the end of the work.
};

}  // namespace carillon
