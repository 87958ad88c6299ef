#include "core/jobs/chain/job_verifier.hpp"

#include "core/jobs/job_events.hpp"
#include "core/jobs/reports/on_storage.hpp"

#include <string>
#include <utility>

namespace carillon {
namespace {

/// A piece of a log.
struct Piece {
    std::vector<std::pair<std::string, std::string>> events;  ///< Keys and values.
};

Result<Piece> read_piece(Store& store, const std::string& from, const std::string& to) {
    Piece piece;
    std::size_t bytes = 0;
    const auto visit = [&](std::string_view key, std::string_view value) {
        piece.events.emplace_back(key, value);
        bytes += value.size();
        return bytes < DeviceReports::read_bytes_max;
    };
    auto scanned = store.scan(Table::job_events, from, to, visit);
    if (!scanned) return fail(Errc::service_unavailable, std::move(scanned).error().detail);
    return piece;
}

/// Gives `check` all events with keys from `from` up to `to`.
Task<Result<>> read_log(Shard& shard, std::string from, std::string to, LogCheck& check) {
    for (;;) {
        auto work = [&store = shard.store(), from, to] { return read_piece(store, from, to); };
        auto reading = on_storage<Result<Piece>>(shard, std::move(work));
        const auto piece = co_await std::move(reading);
        if (!piece) co_return fail(piece.error());
        if (piece->events.empty()) co_return Result<>{};
        for (const auto& [key, value] : piece->events) check.add(key, value);
        from = piece->events.back().first + '\0';
    }
}

/// The hash of the newest event of a job's own log; nothing if there is none.
Result<std::optional<Sha256Digest>> read_head(Store& store, std::uint64_t job) {
    std::optional<Sha256Digest> head;
    const auto visit = [&](std::string_view, std::string_view value) {
        head = split_chained(as_bytes(value)).hash;
        return true;
    };
    auto scanned =
        store.scan(Table::job_events, job_event_key(job, job_log_part), job_event_key(job + 1), visit);
    if (!scanned) return fail(Errc::service_unavailable, std::move(scanned).error().detail);
    return head;
}

Task<Result<JobVerification>> verify(Shard& first, std::size_t parts, std::shared_ptr<JobEntry> entry,
                                     std::optional<Sha256Digest> seal) {
    const auto job = entry->number();
    const auto snapshot = entry->snapshot();
    LogCheck check(seal, is_terminal(snapshot.status));
    // The job's own log first: what its seals hold is there by then.
    auto own = read_log(first, job_event_key(job, job_log_part), job_event_key(job + 1), check);
    if (auto read = co_await std::move(own); !read) co_return fail(std::move(read).error());
    // Of a job that never ran the parts hold what the next start erases.
    if (snapshot.counts) {
        auto rest =
            read_log(first, job_event_key(job), job_event_key(job, static_cast<std::uint32_t>(parts)), check);
        if (auto read = co_await std::move(rest); !read) co_return fail(std::move(read).error());
    }
    JobVerification verification;
    verification.log = check.finish();
    const auto& previous = verification.log.previous;
    if (!previous) co_return verification;
    auto work = [&store = first.store(), number = previous->job] { return read_head(store, number); };
    auto reading = on_storage<Result<std::optional<Sha256Digest>>>(first, std::move(work));
    const auto head = co_await std::move(reading);
    if (!head) co_return fail(head.error());
    using Previous = JobVerification::Previous;
    if (*head) {
        verification.previous = **head == previous->hash ? Previous::intact : Previous::changed;
    } else {
        const bool was_kept_long_enough = first.clock().wall_now() >= previous->kept_until;
        verification.previous = was_kept_long_enough ? Previous::gone : Previous::missing;
    }
    co_return verification;
}

}  // namespace

Task<Result<JobVerification>> verify_job(DeviceReports& reports, std::optional<Sha256Digest> seal) {
    auto& shards = reports.shards();
    auto verifying = verify(shards.first(), shards.count(), reports.entry(), seal);
    co_return co_await shards.on(shards.first(), std::move(verifying));
}

}  // namespace carillon
