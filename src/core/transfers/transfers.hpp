#pragma once

#include "base/task.hpp"
#include "core/transfers/blobs.hpp"
#include "core/transfers/import_input.hpp"
#include "core/transfers/transfer_job.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

class ShardPort;
class Shards;
class StorageExecutor;

/// Bounds of import and export jobs.
struct TransferLimits {
    /// Waiting and running together; then `job_quota_exceeded`. The service allows one, as a strict hub
    /// does; ours: one runs, others wait.
    std::size_t active_max = 100;
    /// Inputs looked at at once, each for a request that waits; then `server_busy`.
    std::size_t looks_max = 16;
    /// Ended jobs remembered, the newest, and for how long.
    std::size_t ended_max = 100;
    std::int64_t ended_age_max_s = 30 * 24 * 3600;
    std::size_t write_bytes_max = 4 * 1024 * 1024;  ///< Of a blob at a time.
    ImportLimits import;
};

/// Import and export jobs: the whole registry from or to a blob container, one job at a time, others
/// waiting their turn. Any thread may call.
///
/// A job accepted reaches an end whatever happens to the process. An import that was interrupted goes on
/// behind the last line that every shard has on disk: a shard commits how far it is, and what it
/// refused, together with the lines themselves, so that each line counts once. An export begins anew; its
/// blob appears when it is whole.
class Transfers {
public:
    static constexpr std::string_view error_log = "importErrors.log";

    Transfers(Shards& shards, ShardPort& port);
    ~Transfers();

    /// Names the drivers, before anything else is called; without, every creation fails with
    /// `feature_not_supported`. The job at work uses `worker`; `lookout` looks at the inputs of new ones,
    /// several at a time, as a server on the web may be slow. All outlive this.
    void use(Blobs& blobs, StorageExecutor& worker, StorageExecutor& lookout, const TransferLimits& limits);
    /// Reads the jobs there are. Before the threads run.
    Result<> load();
    /// Goes on with what was unfinished; when the threads run.
    void start();
    /// Begins nothing more and returns when the job at work has come to a rest, which it goes on from at
    /// the next start.
    Task<> stop();

    /// Accepts a job, durably. Fails with `blob_container_validation_error` if its container, or the
    /// input of an import, cannot be used, and with `job_quota_exceeded`. While `TransferLimits::looks_max`
    /// inputs are being looked at, a job is accepted without a look and fails by itself.
    Task<Result<TransferJob>> create(TransferOrder order);
    /// Fails with `job_not_found`.
    Task<Result<TransferJob>> find(std::string id);
    /// Newest first.
    Task<std::vector<TransferJob>> list();
    /// Ends a job: at once if it waits, else as soon as what is on its way is done; durably either way.
    /// Fails with `job_not_found`, `operation_not_allowed_in_current_state`.
    Task<Result<>> cancel(std::string id);

private:
    struct Engine;
    std::unique_ptr<Engine> engine_;
};

}  // namespace carillon
