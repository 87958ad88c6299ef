#pragma once

#include <cstddef>

namespace carillon {

class MailFate;

/// Bounds and paces of the job engine, from the configuration.
struct JobEngineLimits {
    std::size_t active_max = 100'000;  ///< Queued, scheduled and running together; then 429004.
    /// What active jobs may take, by `JobDefinition::bytes`; then 429004. What ended jobs may take; then
    /// those are forgotten that ended first.
    std::size_t active_bytes_max = 256 * 1024 * 1024;
    std::size_t history_bytes_max = 256 * 1024 * 1024;
    std::size_t running_max = 64;          ///< At work at once; others wait their turn as `queued`.
    std::size_t twin_chunk_devices = 128;  ///< Devices patched in one atomic batch, per shard.
    std::size_t method_window_max = 4096;  ///< Devices in flight of one job, per shard.
    std::size_t outcome_batch_bytes_max = 256 * 1024;
    /// What a restart may have to replay of a shard's twin log before its oldest entries are folded,
    /// about half a second of work: documents the entries stand for, and bytes.
    std::size_t twin_log_devices_max = 500'000;
    std::size_t twin_log_bytes_max = 64 * 1024 * 1024;
    /// Of a job's own log, in one answer.
    static constexpr std::size_t history_page_events_max = 500;
    static constexpr std::size_t history_page_bytes_max = 512 * 1024;
    /// For so long after a start of the hub, when no device is there yet, none is given up for that.
    std::int64_t reconnect_grace_s = 300;
    /// What an undo holds of overwritten values, on one shard: half as much more are those that are read shortly
    /// before their turn; twice as much is held while its devices are found.
    std::size_t undo_bytes_max = 16 * 1024 * 1024;
    std::size_t continuous_max = 32;  ///< Active jobs that go on taking devices; then 429004.
    /// Of tests: what becomes of what coordinator and parts tell each other. Null: it arrives.
    MailFate* fate = nullptr;
    bool strict_cancel = false;  ///< Answers 405 to cancelling a running job, as the service does.
};

}  // namespace carillon
