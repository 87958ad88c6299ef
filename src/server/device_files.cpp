#include "server/device_files.hpp"

#include "core/hub/hub.hpp"
#include "core/messages/files/uploads.hpp"
#include "core/messages/messages.hpp"
#include "endpoint/blob/blob_containers.hpp"
#include "server/settings/config.hpp"
#include "server/storage_thread.hpp"

#include <fstream>
#include <utility>

namespace carillon {

namespace {

/// Copies a file into a container.
Result<> put_file(BlobContainers& blobs, const std::string& container, const std::string& path,
                  const std::string& name) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(Errc::io_failed, path + " cannot be read");
    auto blob = blobs.create(container, name);
    if (!blob) return fail(std::move(blob).error());
    std::string piece(256 * 1024, '\0');
    while (file) {
        file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        const auto got = static_cast<std::size_t>(file.gcount());
        if (auto put = (*blob)->write(std::string_view(piece).substr(0, got)); !put) return put;
    }
    if (!file.eof()) return fail(Errc::io_failed, path + " cannot be read");
    return (*blob)->finish();
}

/// A container's address without what lets one in.
std::string public_address(const std::string& container) {
    std::string address = container.substr(0, container.find('?'));
    while (address.ends_with('/')) address.pop_back();
    return address;
}

}  // namespace

DeviceFiles::DeviceFiles(Hub& hub, std::unique_ptr<StorageThread> thread,
                         std::unique_ptr<StorageThread> outlet)
    : hub_(hub), thread_(std::move(thread)), outlet_(std::move(outlet)) {}

DeviceFiles::~DeviceFiles() {
    outlet_.reset();  // It gives up at once, as the containers have been stopped.
    thread_.reset();  // It finishes what it has.
    hub_.messages().uploads().thread()->close();
}

Result<std::unique_ptr<DeviceFiles>> DeviceFiles::open(Hub& hub, const ServerConfig& config,
                                                       BlobContainers& blobs,
                                                       const std::filesystem::path& data_dir,
                                                       std::size_t thread) {
    if (config.files.file_bytes_max == 0) return std::unique_ptr<DeviceFiles>();
    std::filesystem::path root = config.files_root;
    if (root.empty()) root = data_dir / "device-files";
    std::optional<FileOutlet> outlet;
    std::unique_ptr<StorageThread> outlet_thread;
    if (const std::string& container = config.files_container; !container.empty()) {
        if (const auto good = blobs.check(container); !good)
            return fail(Errc::config_invalid, "files.container: " + good.error().detail);
        outlet_thread = std::make_unique<StorageThread>(static_cast<std::uint32_t>(thread + 1));
        outlet.emplace();
        outlet->address = public_address(container);
        outlet->put = [&blobs, container](const std::string& path, const std::string& name) {
            return put_file(blobs, container, path, name);
        };
        outlet->thread = outlet_thread.get();
    }
    auto files = std::make_unique<StorageThread>(static_cast<std::uint32_t>(thread));
    hub.messages().uploads().use(std::filesystem::absolute(root).lexically_normal().string(), config.files,
                                 *files, std::move(outlet));
    return std::unique_ptr<DeviceFiles>(new DeviceFiles(hub, std::move(files), std::move(outlet_thread)));
}

}  // namespace carillon
