#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "endpoint/rest/operate/backup_port.hpp"
#include "server/backup/backup_writer.hpp"
#include "server/storage_thread.hpp"
#include "store/rocks_store.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

namespace carillon {

/// What a backup may keep of the hub's disk: superseded files stay until it ends.
struct BackupLimits {
    /// On average since it began. One that is taken more slowly is cut off.
    static constexpr std::uint64_t bytes_a_second_min = 256 * 1024;
    static constexpr std::chrono::seconds grace{60};  ///< Before it is judged.
};

/// Makes backups for the REST endpoint, one at a time, on a thread of its own. What it is given outlives it.
class Backups final : public rest::BackupPort {
public:
    Backups(RocksStore& store, std::filesystem::path data_dir, std::string host_name, Clock& clock,
            Random& random, std::uint32_t thread_number);
    ~Backups() override;

    Task<Result<std::shared_ptr<rest::BodySource>>> begin(std::string since) override;
    /// Cuts off a backup that is taken too slowly; to be called each second.
    void look();

private:
    class Stream;

    RocksStore& store_;
    const std::filesystem::path data_dir_;
    const std::string host_name_;
    Clock& clock_;
    Random& random_;
    std::mutex mutex_;  ///< Guards the two below.
    std::weak_ptr<Stream> running_;
    bool is_beginning_ = false;
    /// Shared with what is on its way when the hub stops.
    const std::shared_ptr<StorageThread> thread_;
};

}  // namespace carillon
