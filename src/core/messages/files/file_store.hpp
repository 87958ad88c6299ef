#pragma once

#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "base/result.hpp"
#include "core/messages/files/file_limits.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class FileStore;

/// A file or a block of one while it is written.
class FilePart {
public:
    ~FilePart();
    FilePart(const FilePart&) = delete;
    FilePart& operator=(const FilePart&) = delete;

    /// Fails with `iot_hub_quota_exceeded` beyond a bound of `FileLimits`, with `io_failed`.
    Result<> write(std::string_view bytes);
    /// Makes the part durable. Only then does it exist.
    Result<> finish();

private:
    friend class FileStore;
    FilePart(std::shared_ptr<FileStore> store, DeviceId device, int file, std::string path,
             std::string final_path);

    const std::shared_ptr<FileStore> store_;
    const DeviceId device_;
    int file_;
    const std::string path_;        ///< Bound: fixed.
    const std::string final_path_;  ///< Bound: fixed.
    std::uint64_t bytes_ = 0;
};

/// The files that devices upload, in directories below one of the hub's:
///
///     files/DEVICE/NAME            whole files
///     staging/UPLOAD/block-HEX     blocks of an upload that is under way, and what is being written
///     whole/UPLOAD                 whole files instead, where they only wait to be passed on
///
/// Blocking; one thread, which FileParts live on as well. What is answered is on disk. Made by `make_shared`,
/// as parts hold it.
class FileStore : public std::enable_shared_from_this<FileStore> {
public:
    struct Info {
        std::uint64_t bytes = 0;
        WallTime modified;
        std::string etag;  ///< `"0x…"`
    };
    /// Whose upload it is, by its id.
    using Owners = std::map<std::string, DeviceId, std::less<>>;

    /// What people have removed is found out when a bound is met, no more often than this.
    static constexpr std::chrono::seconds between_counts{60};
    static constexpr std::size_t listed_max = 1000;
    static constexpr std::size_t walked_max = 20'000;

    /// Where a whole file lies.
    enum class Layout : std::uint8_t { by_device, by_upload };
    FileStore(std::string root, FileLimits limits, Clock& clock, Layout layout = Layout::by_device);

    /// Makes the directories, counts what is in them, and removes what belongs to no upload of `uploads`.
    /// Fails with `io_failed`.
    Result<> open(const Owners& uploads);

    /// Begins the block `id` of an upload.
    Result<std::shared_ptr<FilePart>> begin_block(const std::string& upload, const DeviceId& device,
                                                  std::string_view id);
    /// Begins the whole file.
    Result<std::shared_ptr<FilePart>> begin_file(const std::string& upload, const DeviceId& device,
                                                 std::string_view name);
    /// Makes the file of blocks, in this order. Fails with `argument_invalid` if one of them is not there.
    Result<> join(const std::string& upload, const DeviceId& device, std::string_view name,
                  const std::vector<std::string>& blocks);
    /// Removes the blocks of an upload.
    void discard(const std::string& upload, const DeviceId& device);
    /// And the whole file, where that lies by its upload.
    void drop(const std::string& upload, const DeviceId& device);
    /// The whole file of an upload; nothing if there is none.
    std::optional<Info> find(const std::string& upload, const DeviceId& device, std::string_view name) const;
    struct Listed {
        std::string name;
        Info info;
    };
    struct List {
        std::vector<Listed> files;  ///< The newest first. Bound: listed_max
        bool is_whole = true;
    };
    /// The files of a device, of which no more than `walked_max` are looked at. Those whose names are no
    /// UTF-8 were not uploaded, and are left out.
    List list(const DeviceId& device) const;
    /// Where it lies, where files lie by device.
    std::string path_of(const DeviceId& device, std::string_view name) const;
    /// Where the whole file of an upload lies. Any thread.
    std::string path_of(const std::string& upload, const DeviceId& device, std::string_view name) const;

    std::uint64_t bytes() const { return bytes_; }

private:
    friend class FilePart;
    Result<> take(const DeviceId& device, std::uint64_t bytes);
    Result<> check_room(const DeviceId& device, std::uint64_t bytes) const;
    Result<> count();
    void give_back(const DeviceId& device, std::uint64_t bytes);
    std::string staging_of(const std::string& upload) const;
    Result<> make_directories(const std::string& path) const;
    Result<std::shared_ptr<FilePart>> begin(const std::string& upload, const DeviceId& device,
                                            const std::string& name, std::string final_path);
    Result<> place(const DeviceId& device, const std::string& from, const std::string& to);

    const std::string root_;  ///< Bound: fixed.
    const FileLimits limits_;
    Clock& clock_;
    const Layout layout_;
    TimePoint counted_{};
    /// Of uploads with parts, or with a whole file by their name. Bound: FileLimits::uploads_max and, as each
    /// file counts 4 KiB at least, FileLimits::hub_bytes_max
    Owners owners_;
    std::uint64_t bytes_ = 0;
    /// By device. Bound: FileLimits::hub_bytes_max, as each file counts 4 KiB at least.
    std::map<DeviceId, std::uint64_t> of_devices_;
};

}  // namespace carillon
