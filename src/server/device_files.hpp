#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

namespace carillon {

class Hub;
class StorageThread;
struct ServerConfig;

/// Has the hub keep the files that devices upload, on a thread of their own, until this goes; then no request
/// may be at work any more.
class DeviceFiles {
public:
    /// Below `data_dir` if the configuration names no other place. Null if devices cannot upload. Before the
    /// hub, which outlives this, is loaded. `thread` numbers the thread.
    static std::unique_ptr<DeviceFiles> open(Hub& hub, const ServerConfig& config,
                                             const std::filesystem::path& data_dir, std::size_t thread);
    ~DeviceFiles();
    DeviceFiles(const DeviceFiles&) = delete;
    DeviceFiles& operator=(const DeviceFiles&) = delete;

private:
    DeviceFiles(Hub& hub, std::unique_ptr<StorageThread> thread);

    Hub& hub_;
    std::unique_ptr<StorageThread> thread_;
};

}  // namespace carillon
