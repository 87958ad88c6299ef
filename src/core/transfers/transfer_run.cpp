#include "base/log.hpp"
#include "core/registry/registry_export.hpp"
#include "core/transfers/transfer_engine.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>

// gcc 12 takes Asio's pooled coroutine frames for memory freed by the wrong function.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace carillon {
namespace {

constexpr std::size_t export_piece_bytes = 1024 * 1024;

/// Until the store is asked again after it refused a write, as it does while the disk is full.
constexpr std::chrono::seconds store_pause{1};

using Applied = Result<std::vector<Result<>>>;

bool is_refusal_of_store(const Result<>& outcome) {
    return !outcome && outcome.error().code == Errc::service_unavailable;
}

/// A chunk's share that is on its way to its shard.
struct ShareUnderWay {
    std::size_t shard = 0;
    std::uint64_t last_line = 0;
    std::shared_ptr<Pending<Applied>> pending;
};

Task<> apply_share(ShardPort* port, std::size_t shard, ApplyEntries share,
                   std::shared_ptr<Pending<Applied>> pending) {
    auto applying = port->ask(shard, std::move(share));
    pending->leave(co_await std::move(applying));
}

/// Drops the lines that a shard has on disk already.
void drop_done(ImportChunk::Share& share, std::uint64_t mark) {
    std::size_t first = 0;
    while (first < share.lines.size() && share.lines[first] <= mark) ++first;
    const auto count = static_cast<std::ptrdiff_t>(first);
    share.entries.erase(share.entries.begin(), share.entries.begin() + count);
    share.lines.erase(share.lines.begin(), share.lines.begin() + count);
}

Result<std::uint64_t> write_error_log(const Store& store, Blobs& blobs, const TransferJob& job,
                                      std::size_t write_bytes_max) {
    std::uint64_t count = 0;
    auto writer = blobs.create(job.order.output_container, Transfers::error_log);
    if (!writer) return fail(std::move(writer).error());
    std::string piece;
    Result<> written;
    const auto visit = [&](std::string_view, std::string_view error) {
        piece.append(error).append("\n");
        ++count;
        if (piece.size() < write_bytes_max) return true;
        written = (*writer)->write(piece);
        piece.clear();
        return written.has_value();
    };
    auto scanned = store.scan(Table::jobs, transfer_error_key(job.number, 0),
                              transfer_error_key(job.number + 1, 0), visit);
    if (!scanned) return fail(std::move(scanned).error());
    if (written && !piece.empty()) written = (*writer)->write(piece);
    if (written) written = (*writer)->finish();
    if (!written) return fail(std::move(written).error());
    return count;
}

std::uint64_t count_errors(const Store& store, std::uint64_t job) {
    std::uint64_t count = 0;
    const auto visit = [&count](std::string_view, std::string_view) {
        ++count;
        return true;
    };
    // What cannot be read is not counted; the failure it comes with is reported where it matters.
    [[maybe_unused]] const auto scanned =
        store.scan(Table::jobs, transfer_error_key(job, 0), transfer_error_key(job + 1, 0), visit);
    return count;
}

}  // namespace

// --- import ------------------------------------------------------------------------------------------

/// Brings a chunk to its shards, side by side, and waits until all of it is durable or refused.
Task<Result<>> Transfers::Engine::apply(Entry* entry, ImportChunk* chunk) {
    std::vector<ShareUnderWay> shares;
    const auto executor = shard.executor();
    entry->marks.resize(chunk->shares.size());
    for (std::size_t i = 0; i < chunk->shares.size(); ++i) {
        ImportChunk::Share& share = chunk->shares[i];
        drop_done(share, entry->marks[i]);
        if (share.entries.empty()) continue;
        auto pending = std::make_shared<Pending<Applied>>();
        shares.push_back({i, share.lines.back(), pending});
        ApplyEntries order{std::move(share.entries),
                           ApplyEntries::Import{entry->job.number, entry->marks[i], std::move(share.lines)}};
        auto ended = [pending](const std::exception_ptr& problem) {
            if (!problem) return;
            pending->leave(fail(Errc::service_unavailable, "an exception"));
        };
        auto applying = apply_share(&port, i, std::move(order), pending);
        boost::asio::co_spawn(executor, std::move(applying), std::move(ended));
    }
    Result<> outcome;
    for (auto& share : shares) {
        const Applied applied = co_await take(std::move(share.pending));
        if (!applied) {
            outcome = fail(applied.error());
            continue;
        }
        // Not the lines' fault, so they do not count as refused.
        const auto refused = std::find_if(applied->begin(), applied->end(), is_refusal_of_store);
        if (refused != applied->end()) {
            outcome = fail(refused->error());
        } else {
            entry->marks[share.shard] = share.last_line;
        }
    }
    co_return outcome;
}

/// Writes that a chunk is done with, and the lines in it that no shard was asked about.
Task<Result<>> Transfers::Engine::record_chunk(Entry* entry, ImportChunk* chunk) {
    TransferJob job = entry->job;
    job.done = chunk->offset;
    job.lines = chunk->lines;
    if (chunk->skipped_heading) job.status_message = "The first line is not a JSON object and was skipped. ";
    Batch& batch = shard.committer().batch();
    for (ImportChunk::BadLine& bad : chunk->bad) {
        batch.put(Table::jobs, transfer_error_key(job.number, bad.line), std::move(bad.error));
    }
    batch.put(Table::jobs, transfer_key(job.number), encode_transfer(job));
    const auto recorded = co_await shard.committer().durable();
    if (!recorded) co_return fail(unavailable(recorded.error()));
    entry->job = std::move(job);
    co_return Result<>{};
}

Task<std::optional<Result<>>> Transfers::Engine::run_import(Entry* entry) {
    TransferJob& job = entry->job;
    using Opened = Result<std::shared_ptr<ImportInput>>;
    UniqueFunction<Opened()> open = [this, container = job.order.input_container, name = job.order.input_blob,
                                     offset = job.done, lines = job.lines]() -> Opened {
        auto blob = blobs->open(container, name, offset);
        if (!blob) return fail(std::move(blob).error());
        return std::make_shared<ImportInput>(*std::move(blob), limits.import, shards.count(), offset, lines);
    };
    auto opened = co_await take(begin<Opened>(*worker, std::move(open)));
    if (!opened) co_return Result<>(fail(std::move(opened).error()));
    const auto input = *std::move(opened);
    if (job.total == 0) {
        job.total = input->size();
        job.input_version = input->version();
    } else if (job.total != input->size() || job.input_version != input->version()) {
        co_return Result<>(fail(Errc::io_failed, "the input has been changed since the import began"));
    }

    const auto read = [this, input] {
        UniqueFunction<Result<ImportChunk>()> next = [input] { return input->next(); };
        return begin<Result<ImportChunk>>(*worker, std::move(next));
    };
    auto coming = read();
    for (;;) {
        auto chunk = co_await take(std::move(coming));
        if (!chunk) co_return Result<>(fail(std::move(chunk).error()));
        // The next chunk is read while this one is applied.
        if (!chunk->is_last) coming = read();
        auto applied = co_await apply(entry, &*chunk);
        if (!applied) co_return applied;
        auto recorded = co_await record_chunk(entry, &*chunk);
        if (!recorded) co_return recorded;
        if (chunk->is_last) co_return Result<>{};
        if (is_stopping) co_return std::nullopt;
        if (entry->is_cancelling) co_return Result<>{};
    }
}

/// Writes the error log and counts the lines in it.
Task<Result<>> Transfers::Engine::write_errors(TransferJob* job) {
    using Written = Result<std::uint64_t>;
    UniqueFunction<Written()> work = [this, written_job = *job] {
        return write_error_log(shard.store(), *blobs, written_job, limits.write_bytes_max);
    };
    auto written = co_await take(begin<Written>(*worker, std::move(work)));
    if (written) {
        job->errors = *written;
        co_return Result<>{};
    }
    UniqueFunction<std::uint64_t()> count = [this, number = job->number] {
        return count_errors(shard.store(), number);
    };
    job->errors = co_await take(begin<std::uint64_t>(*worker, std::move(count)));
    co_return fail(std::move(written).error());
}

// --- export ------------------------------------------------------------------------------------------

Task<std::optional<Result<>>> Transfers::Engine::run_export(Entry* entry) {
    TransferJob& job = entry->job;
    job.done = 0;
    job.total = 0;
    auto counting = port.ask_all(CountRecords());
    for (const auto& records : co_await std::move(counting)) {
        if (!records) co_return Result<>(fail(records.error()));
        job.total += *records;
    }
    using Created = Result<std::shared_ptr<BlobWriter>>;
    UniqueFunction<Created()> create_blob = [this, container = job.order.output_container,
                                             name = job.order.output_blob]() -> Created {
        auto writer = blobs->create(container, name);
        if (!writer) return fail(std::move(writer).error());
        return std::shared_ptr<BlobWriter>(*std::move(writer));
    };
    auto created = co_await take(begin<Created>(*worker, std::move(create_blob)));
    if (!created) co_return Result<>(fail(std::move(created).error()));
    const auto writer = *std::move(created);
    RegistryExport walk(port, job.order.exclude_keys ? ExportedKeys::excluded : ExportedKeys::included);
    bool more = true;
    while (more) {
        std::string piece;
        const auto appended = co_await walk.append(piece, export_piece_bytes);
        if (!appended) co_return Result<>(fail(appended.error()));
        more = *appended;
        UniqueFunction<Result<>()> write = [writer, text = std::move(piece)] { return writer->write(text); };
        auto written = co_await take(begin<Result<>>(*worker, std::move(write)));
        if (!written) co_return written;
        job.done = walk.lines();
        job.lines = walk.lines();
        if (is_stopping) co_return std::nullopt;
        if (entry->is_cancelling) co_return Result<>{};
    }
    UniqueFunction<Result<>()> finish = [writer] { return writer->finish(); };
    co_return co_await take(begin<Result<>>(*worker, std::move(finish)));
}

// --- the course of a job -------------------------------------------------------------------------------

/// Ends the job: its record, and nothing else of it, stays. If the store refuses, nothing has changed.
Task<Result<>> Transfers::Engine::conclude(Entry* entry, Result<> outcome) {
    TransferJob job = entry->job;
    const bool is_import = job.order.type == TransferType::import_devices;
    const bool began = job.started.ticks != 0;
    if (is_import && began && job.total > 0) {
        auto logged = co_await write_errors(&job);
        if (!logged && outcome) {
            outcome = fail(logged.error().code,
                           fmt::format("{} could not be written: {}", error_log, logged.error().detail));
        }
        job.status_message += fmt::format("{} of {} lines applied.", job.lines - job.errors, job.lines);
        if (job.errors > 0 && logged) job.status_message += fmt::format(" {} lists the others.", error_log);
        if (job.resumptions > 0) {
            job.status_message +=
                fmt::format(" Continued after line {} when the hub was started again.", job.resumed_after);
        }
        if (job.order.include_configurations) job.status_message += " Configurations are not imported.";
    } else if (!is_import && job.order.include_configurations) {
        job.status_message = "Configurations are not exported.";
    }
    if (entry->is_cancelling) {
        job.status = TransferStatus::cancelled;
    } else if (outcome) {
        job.status = TransferStatus::completed;
    } else {
        job.status = TransferStatus::failed;
        job.failure_reason = outcome.error().detail;
    }
    job.ended = now();
    // They may hold secrets, and nobody needs them any more.
    job.order.input_container.clear();
    job.order.output_container.clear();
    Batch& batch = shard.committer().batch();
    batch.erase(Table::jobs, transfer_cancel_key(job.number));
    batch.erase_range(Table::jobs, transfer_mark_key(job.number, 0), transfer_mark_key(job.number + 1, 0));
    batch.erase_range(Table::jobs, transfer_error_key(job.number, 0), transfer_error_key(job.number + 1, 0));
    batch.put(Table::jobs, transfer_key(job.number), encode_transfer(job));
    const auto saved = co_await shard.committer().durable();
    if (!saved) co_return fail(unavailable(saved.error()));
    log.info("transfer job ended id={} type={} status={} lines={} errors={}", job.id,
             transfer_type_text(job.order.type), transfer_status_text(job.status), job.lines, job.errors);
    entry->job = std::move(job);
    co_return Result<>{};
}

Task<> Transfers::Engine::rest() {
    auto start = [this](UniqueFunction<void(bool)> done) {
        shard.timers().at(shard.clock().now() + store_pause,
                          [wake_up = std::move(done)]() mutable { wake_up(true); });
    };
    co_await from_callback<bool>(start);
}

/// Does what the job is about, once.
Task<std::optional<Result<>>> Transfers::Engine::attempt(Entry* entry) {
    if (entry->job.order.type == TransferType::export_devices) co_return co_await run_export(entry);
    co_return co_await run_import(entry);
}

/// Goes on after the store refused a write: from what is on disk, when it takes writes again.
Task<std::optional<Result<>>> Transfers::Engine::attempt_again(Entry* entry) {
    log.warn("transfer job waits for the store id={} after_line={}", entry->job.id, entry->job.lines);
    co_await rest();
    if (is_stopping) co_return std::nullopt;
    using Marks = Result<std::vector<std::uint64_t>>;
    UniqueFunction<Marks()> look = [this, number = entry->job.number] { return read_marks(number); };
    auto marks = co_await take(begin<Marks>(*worker, std::move(look)));
    if (!marks) co_return Result<>(fail(unavailable(marks.error())));
    entry->marks = *std::move(marks);
    co_return co_await attempt(entry);
}

Task<> Transfers::Engine::work(std::uint64_t number) {
    Entry* const entry = &entries.at(number);
    TransferJob& job = entry->job;
    std::optional<Result<>> outcome = Result<>{};
    if (!entry->is_cancelling) {
        if (job.status == TransferStatus::running) {
            ++job.resumptions;
            job.resumed_after = job.lines;
            log.info("transfer job resumed id={} after_line={}", job.id, job.lines);
        } else {
            job.started = now();
        }
        job.status = TransferStatus::running;
        auto saved = co_await save(*entry);
        if (saved) {
            outcome = co_await attempt(entry);
        } else {
            outcome = std::move(saved);
        }
        while (outcome && is_refusal_of_store(*outcome) && !is_stopping && !entry->is_cancelling) {
            outcome = co_await attempt_again(entry);
        }
    }
    // What fails while the hub stops may fail because it stops; the next start tries again.
    if (is_stopping && outcome && !*outcome) outcome.reset();
    while (outcome) {
        const auto saved = co_await conclude(entry, *outcome);
        if (saved || is_stopping) break;
        co_await rest();
    }
    at_work = 0;
    for (auto& waiter : std::exchange(at_rest, {})) waiter->leave(true);
    wake();
}

}  // namespace carillon
