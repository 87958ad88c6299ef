#include "server/device_files.hpp"

#include "core/hub/hub.hpp"
#include "core/messages/files/uploads.hpp"
#include "core/messages/messages.hpp"
#include "server/config.hpp"
#include "server/storage_thread.hpp"

#include <utility>

namespace carillon {

DeviceFiles::DeviceFiles(Hub& hub, std::unique_ptr<StorageThread> thread)
    : hub_(hub), thread_(std::move(thread)) {}

DeviceFiles::~DeviceFiles() {
    thread_.reset();  // It finishes what it has.
    hub_.messages().uploads().thread()->close();
}

std::unique_ptr<DeviceFiles> DeviceFiles::open(Hub& hub, const ServerConfig& config,
                                               const std::filesystem::path& data_dir, std::size_t thread) {
    if (config.files.file_bytes_max == 0) return nullptr;
    std::filesystem::path root = config.files_root;
    if (root.empty()) root = data_dir / "device-files";
    auto files = std::make_unique<StorageThread>(static_cast<std::uint32_t>(thread));
    hub.messages().uploads().use(std::filesystem::absolute(root).lexically_normal().string(), config.files,
                                 *files);
    return std::unique_ptr<DeviceFiles>(new DeviceFiles(hub, std::move(files)));
}

}  // namespace carillon
