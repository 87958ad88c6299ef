#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>

namespace carillon {

class BlobContainers;
class Hub;
class StorageThread;
struct ServerConfig;

/// Has the hub keep the files that devices upload, on a thread of their own, until this goes; then no request
/// may be at work any more.
class DeviceFiles {
public:
    /// Below `data_dir` if the configuration names no other place. Null if devices cannot upload. Before the
    /// hub, which outlives this as `blobs` does, is loaded. `thread` numbers the thread, and the next one
    /// that which passes files on to a container. Fails with `config_invalid` if the hub may not use that.
    static Result<std::unique_ptr<DeviceFiles>> open(Hub& hub, const ServerConfig& config,
                                                     BlobContainers& blobs,
                                                     const std::filesystem::path& data_dir,
                                                     std::size_t thread);
    ~DeviceFiles();
    DeviceFiles(const DeviceFiles&) = delete;
    DeviceFiles& operator=(const DeviceFiles&) = delete;

private:
    DeviceFiles(Hub& hub, std::unique_ptr<StorageThread> thread, std::unique_ptr<StorageThread> outlet);

    Hub& hub_;
    std::unique_ptr<StorageThread> thread_;
    std::unique_ptr<StorageThread> outlet_;  ///< Null where files stay.
};

}  // namespace carillon
