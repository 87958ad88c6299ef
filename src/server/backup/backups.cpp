#include "server/backup/backups.hpp"

#include "base/await.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <utility>

namespace carillon {

namespace {

/// Does `work` on the thread, and comes back with its result.
template <class T, class Work>
Task<T> on_thread(StorageThread& thread, Work work) {
    const auto executor = co_await boost::asio::this_coro::executor;
    auto start = [&thread, &executor, &work](UniqueFunction<void(T)> done) {
        auto held = std::make_shared<UniqueFunction<void(T)>>(std::move(done));
        thread.run([held, executor, work = std::move(work)]() mutable {
            auto result = std::make_shared<T>(work());
            boost::asio::post(executor, [held, result] { (*held)(std::move(*result)); });
        });
    };
    co_return co_await from_callback<T>(std::move(start));
}

/// That in which CURRENT lies, which is in every archive.
std::string newest_archive(const std::vector<BackupFile>& files) {
    const auto current = std::find_if(files.begin(), files.end(),
                                      [](const BackupFile& file) { return file.name == "CURRENT"; });
    return current == files.end() ? std::string() : current->archive;
}

}  // namespace

/// One backup on its way. The writer is used by the thread only, and goes there too, as its end waits for the
/// disk.
class Backups::Stream final : public rest::BodySource {
public:
    Stream(std::shared_ptr<StorageThread> thread, std::unique_ptr<BackupWriter> writer, TimePoint now)
        : thread_(std::move(thread)), began_(now), writer_(std::make_shared<Held>()) {
        writer_->writer = std::move(writer);
    }
    ~Stream() override { release(); }

    Task<std::string> next() override {
        auto work = [held = writer_]() -> Result<std::string> {
            if (!held->writer) return fail(Errc::connection_closed, "it was taken too slowly");
            return held->writer->next();
        };
        auto making = on_thread<Result<std::string>>(*thread_, std::move(work));
        auto piece = co_await std::move(making);
        if (!piece) {
            log.error("backup cut off reason={:?}", piece.error().detail);
            throw std::runtime_error("backup cut off");  // What a body's source has to say of its end.
        }
        bytes_ += piece->size();
        if (piece->empty()) log.info("backup made bytes={}", bytes_.load());
        co_return *std::move(piece);
    }

    bool is_too_slow(TimePoint now) const {
        const auto taken = std::chrono::duration_cast<std::chrono::seconds>(now - began_);
        if (taken <= BackupLimits::grace) return false;
        return bytes_ < BackupLimits::bytes_a_second_min * static_cast<std::uint64_t>(taken.count());
    }
    void release() {
        thread_->run([held = writer_] { held->writer.reset(); });
    }

private:
    struct Held {
        std::unique_ptr<BackupWriter> writer;
    };
    const std::shared_ptr<StorageThread> thread_;
    const TimePoint began_;
    const std::shared_ptr<Held> writer_;
    std::atomic<std::uint64_t> bytes_{0};
};

Backups::Backups(RocksStore& store, std::filesystem::path data_dir, std::string host_name, Clock& clock,
                 Random& random, std::uint32_t thread_number)
    : store_(store),
      data_dir_(std::move(data_dir)),
      host_name_(std::move(host_name)),
      clock_(clock),
      random_(random),
      thread_(std::make_shared<StorageThread>(thread_number)) {}
Backups::~Backups() = default;

Task<Result<std::shared_ptr<rest::BodySource>>> Backups::begin(std::string since) {
    BackupHead head;
    head.host_name = host_name_;
    head.id = to_lower(random_.hex32());
    std::vector<BackupFile> earlier;
    if (!since.empty()) {
        auto parsed = parse_backup_files(since);
        if (!parsed) co_return fail(Errc::argument_invalid, "The body is not the store.files of a backup.");
        earlier = *std::move(parsed);
        head.since = newest_archive(earlier);
        if (head.since.empty())
            co_return fail(Errc::argument_invalid, "The body names no archive that a backup can build on.");
    }
    {
        const std::lock_guard lock(mutex_);
        if (is_beginning_ || !running_.expired()) {
            co_return fail(Errc::server_busy, "Another backup is running; the hub makes one at a time.");
        }
        is_beginning_ = true;
    }
    auto work = [this, head, earlier]() -> Result<std::unique_ptr<BackupWriter>> {
        auto copy = store_.copy();
        if (!copy) return fail(std::move(copy).error());
        return BackupWriter::begin(*std::move(copy), data_dir_, head, earlier, clock_.wall_now());
    };
    auto beginning = on_thread<Result<std::unique_ptr<BackupWriter>>>(*thread_, std::move(work));
    auto writer = co_await std::move(beginning);
    const std::lock_guard lock(mutex_);
    is_beginning_ = false;
    if (!writer) co_return fail(std::move(writer).error());
    auto stream = std::make_shared<Stream>(thread_, *std::move(writer), clock_.now());
    running_ = stream;
    co_return std::shared_ptr<rest::BodySource>(std::move(stream));
}

void Backups::look() {
    const std::lock_guard lock(mutex_);
    if (const auto stream = running_.lock(); stream && stream->is_too_slow(clock_.now())) stream->release();
}

}  // namespace carillon
