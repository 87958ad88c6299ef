#pragma once

#include "base/clock.hpp"
#include "base/task.hpp"
#include "base/timers.hpp"
#include "base/unique_function.hpp"
#include "core/messages/files/file_store.hpp"
#include "core/messages/locked_queue.hpp"
#include "core/shard/shards.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace carillon {

/// A file that a device has said it will upload.
struct Upload {
    std::string id;  ///< `correlationId`
    DeviceId device;
    std::string name;
    WallTime expires;
};

/// Where whole files are passed on to, instead of staying in the hub's directories.
struct FileOutlet {
    std::string address;  ///< What the address of a file begins with, without secrets.
    /// Puts the file at `path` there under `name`, in place of one of that name; answers when it is there for
    /// good. Blocking.
    std::function<Result<>(const std::string& path, const std::string& name)> put;
    StorageExecutor* thread = nullptr;  ///< Which it is called on, one call at a time.
};

/// The thread that works on files, for those who may outlive it.
class FileThread {
public:
    explicit FileThread(StorageExecutor& executor) : executor_(&executor) {}
    /// Drops the work once the thread has ended.
    void run(UniqueFunction<void()> work) {
        if (executor_ != nullptr) executor_->run(std::move(work));
    }
    /// The thread has ended, and so have the loops that use this.
    void close() { executor_ = nullptr; }

private:
    StorageExecutor* executor_;
};

/// Files that devices upload: each upload is ordered, its bytes come under a signed address that is good for
/// an hour, and its end is told to back ends. What is ordered and not ended survives a restart. State lives
/// on the first shard, files on a thread of their own; what returns a `Task` is safe from any thread. Source:
/// IoT Hub docs, "Upload files with IoT Hub".
///
/// With an outlet, a file whose upload has ended waits until it has been passed on, for as long as that takes
/// and over restarts; then back ends are notified.
class Uploads {
public:
    Uploads(Shards& shards, LockedQueue& notifications);
    ~Uploads();
    Uploads(const Uploads&) = delete;
    Uploads& operator=(const Uploads&) = delete;

    /// Where files lie, and the one thread that they are worked on by; without, nothing can be uploaded.
    /// Before `load`; `thread` outlives this.
    void use(std::string root, FileLimits limits, StorageExecutor& thread,
             std::optional<FileOutlet> outlet = std::nullopt);
    bool is_on() const { return store_ != nullptr; }
    const FileLimits& limits() const { return limits_; }
    /// Reads what was ordered, and has the files counted. Before the threads run. Fails with `store_failed`,
    /// `store_corrupt`.
    Result<> load();

    /// Orders an upload. Fails with `argument_invalid` as `check_file_name`, with `iot_hub_quota_exceeded`
    /// for a device with ten of them, with `service_unavailable`.
    Task<Result<Upload>> begin(DeviceId device, std::string name);
    /// Ends one; of a file that is there back ends are told, with `address_base` and its name as its address.
    /// Fails with `argument_invalid` if the device has no such upload or is successful without a file, with
    /// `service_unavailable`.
    Task<Result<>> end(DeviceId device, std::string id, bool is_successful, std::string address_base);
    /// An upload that has been ordered and neither has ended nor is too old.
    Task<std::optional<Upload>> find(std::string id);

    /// What proves that the hub gave the address of `upload` away. Any thread.
    std::string signature(const Upload& upload) const;

    const std::shared_ptr<FileThread>& thread() const { return thread_; }
    /// Runs `work` on the files' thread, and resumes here with its result.
    template <class T>
    Task<T> on_files(std::function<T(FileStore&)> work) {
        const auto here = co_await boost::asio::this_coro::executor;
        auto start = [this, &work, &here](UniqueFunction<void(T)> done) {
            thread_->run([this, job = std::move(work), here, told = std::move(done)]() mutable {
                auto result = std::make_shared<T>(job(*store_));
                job = {};
                boost::asio::post(here,
                                  [result, held = std::move(told)]() mutable { held(std::move(*result)); });
            });
        };
        co_return co_await from_callback<T>(start);
    }

private:
    static constexpr std::chrono::seconds between_sweeps{60};
    static constexpr std::chrono::seconds pause_min{
        1};  ///< Before the outlet is tried again; doubled each time.
    static constexpr std::chrono::seconds pause_max{60};

    /// A whole file on its way to the outlet.
    struct Passing {
        Upload upload;
        FileStore::Info file;
    };

    Result<> load_passing(FileStore::Owners& owners);
    void pass_next();
    void passed(const Result<>& outcome);
    void pass_later(Passing passing);
    Task<Result<Upload>> begin_here(DeviceId device, std::string name);
    Task<Result<>> end_here(DeviceId device, std::string id, bool is_successful, std::string address_base);
    Task<std::optional<Upload>> find_here(std::string id);
    void forget(const std::string& id);
    void discard(const Upload& upload);
    void drop(const Upload& upload);
    void sweep();
    void sweep_later();

    Shards& shards_;
    Shard& shard_;
    LockedQueue& notifications_;
    FileLimits limits_;
    std::shared_ptr<FileThread> thread_;
    std::shared_ptr<FileStore> store_;                    ///< Its thread's, once this is loaded.
    std::string key_;                                     ///< Signs addresses. Bound: fixed.
    std::map<std::string, Upload, std::less<>> uploads_;  ///< By id. Bound: FileLimits::uploads_max
    std::map<DeviceId, std::size_t> of_devices_;          ///< How many. Bound: FileLimits::uploads_max
    std::optional<FileOutlet> outlet_;
    std::deque<Passing> passing_;  ///< The first is with the outlet. Bound: FileLimits::hub_bytes_max
    std::chrono::seconds pause_ = pause_min;
    bool is_passing_ = false;
    Timers::Id pass_timer_;
    Timers::Id sweep_timer_;
};

}  // namespace carillon
