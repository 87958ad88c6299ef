#include "core/port/import_entries.hpp"

#include "base/await.hpp"
#include "base/stored_number.hpp"
#include "core/port/import_marks.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace carillon {
namespace {

/// Writes beside a slice of an import how far its shard is with it, and what was refused.
struct Marker {
    std::uint32_t shard;
    ApplyEntries::Import import;

    void operator()(Batch& batch, const std::vector<ImportEntry>& entries,
                    const std::vector<Result<>>& outcomes, std::size_t begin, std::size_t end) const {
        std::string reached;
        append_be(reached, import.lines[end - 1]);
        batch.put(Table::jobs, transfer_mark_key(import.job, shard), std::move(reached));
        for (std::size_t i = begin; i < end; ++i) {
            if (outcomes[i]) continue;
            const ImportName name{entries[i].key().device.str(), entries[i].key().module};
            batch.put(Table::jobs, transfer_error_key(import.job, import.lines[i]),
                      import_error_json(name, outcomes[i].error(), import.lines[i]));
        }
    }
};

/// How far the shard is with an import, by what is on disk. A shard reads it once in an import.
Task<Result<std::uint64_t>> read_mark(Shard& shard, std::uint64_t job) {
    using Read = Result<std::optional<std::string>>;
    auto start = [&shard, job](UniqueFunction<void(Read)> done) {
        shard.storage().run([&store = shard.store(), key = transfer_mark_key(job, shard.number()),
                             home = shard.executor(), finish = std::move(done)]() mutable {
            boost::asio::post(home, [read = store.get(Table::jobs, key), last = std::move(finish)]() mutable {
                last(std::move(read));
            });
        });
    };
    const auto read = co_await from_callback<Read>(start);
    if (!read) co_return fail(unavailable(read.error()));
    co_return *read ? read_be<std::uint64_t>(**read) : 0;
}

/// Entries of an import are applied by one request at a time.
class ImportTurn {
public:
    explicit ImportTurn(std::shared_ptr<ImportReached> reached) : reached_(std::move(reached)) {
        reached_->is_at_work = true;
    }
    ~ImportTurn() { reached_->is_at_work = false; }
    ImportTurn(const ImportTurn&) = delete;
    ImportTurn& operator=(const ImportTurn&) = delete;

private:
    const std::shared_ptr<ImportReached> reached_;
};

}  // namespace

Task<Result<std::vector<Result<>>>> import_entries(ShardSeat* seat, ApplyEntries request) {
    Shard& shard = seat->shard;
    ImportReached& reached = *seat->imported;
    ApplyEntries::Import& import = *request.import;
    // Of an earlier import, whose sender no longer waits for it.
    if (reached.is_at_work || import.job < reached.job) {
        co_return fail(Errc::service_unavailable, "other entries of an import are being applied");
    }
    const ImportTurn turn(seat->imported);
    if (import.job != reached.job) reached.mark.reset();
    reached.job = import.job;
    if (!reached.mark) {
        const auto read = co_await read_mark(shard, import.job);
        if (!read) co_return fail(read.error());
        reached.mark = *read;
    }
    if (*reached.mark != import.follows) {
        co_return fail(Errc::service_unavailable, "the entries do not follow on those that came before");
    }
    if (request.entries.empty()) co_return std::vector<Result<>>();
    const std::uint64_t last = import.lines.back();
    // Until it is known whether all of it is on disk.
    reached.mark.reset();
    auto applying =
        shard.apply_entries(std::move(request.entries), Marker{shard.number(), std::move(import)});
    auto outcomes = co_await std::move(applying);
    const bool is_durable = std::none_of(outcomes.begin(), outcomes.end(), [](const Result<>& outcome) {
        return !outcome && outcome.error().code == Errc::service_unavailable;
    });
    if (is_durable) reached.mark = last;
    co_return std::move(outcomes);
}

std::string transfer_mark_key(std::uint64_t job, std::uint32_t shard) {
    std::string key = "u";
    append_be(key, job);
    append_be(key, shard);
    return key;
}

std::string transfer_error_key(std::uint64_t job, std::uint64_t line) {
    std::string key = "v";
    append_be(key, job);
    append_be(key, line);
    return key;
}

}  // namespace carillon
