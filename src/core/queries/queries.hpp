#pragma once

#include "base/clock.hpp"
#include "base/task.hpp"
#include "core/port/shard_port.hpp"
#include "core/scan/page_tokens.hpp"
#include "model/pieces/twin_text.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class Jobs;

/// What to ask and how much of the answer.
struct QueryRequest {
    std::string statement;
    std::size_t page_size = 0;  ///< 0 for the default; what is over the maximum is clamped.
    std::string continuation;   ///< Empty for the first page.
    Flavour flavour = Flavour::ga;
};

enum class ItemKind { twin, device_job, raw };

struct QueryPage {
    ItemKind kind = ItemKind::twin;
    std::vector<std::string> items;  ///< JSON objects.
    /// In place of `items`, a page of one twin that is longer than a page.
    std::optional<TwinText> long_twin{};
    std::string continuation;  ///< Empty when nothing follows.
    /// What this page took: rows on which the condition was evaluated, how they were found
    /// (`ScanCost::way_text`), and the time from the order to the page.
    std::uint64_t examined = 0;
    std::string_view found_by{};
    Duration took{};
};

/// Runs statements over all shards, in key order, a page at a time. Any thread.
///
/// Shards look for rows at the same time, each on its own thread and in slices, so that a scan of
/// everything delays no device by more than a slice. What is durable when the page is asked for is
/// seen; a row added or removed between pages neither repeats nor hides another, as a token holds
/// the last key given out.
class Queries {
public:
    /// Source: IoT Hub docs, "IoT Hub query language", 100 rows (1,000 in 2016).
    static constexpr std::size_t page_size_default = 100;
    static constexpr std::size_t page_size_max = 100;
    static constexpr std::size_t preview_page_size_max = 1000;
    /// A page ends, short, behind the row that reaches this, so that what waits for a slow reader is about a
    /// megabyte. Ours.
    static constexpr std::size_t page_bytes_max = 768 * 1024;
    /// Writing a page gives way after this many steps of the evaluator, as it takes a slice's time.
    static constexpr std::uint64_t slice_steps_max = 16 * 1024;
    /// Calls of `Jobs::device_jobs` for one page, beyond which the page is short.
    static constexpr int job_scans_max = 64;
    /// Rows of `devices.jobs` read at a time: each may hold a method's answer, of 128 KB.
    static constexpr std::size_t job_rows_max = 64;

    /// `options` say what statements may hold.
    Queries(ShardPort& port, Jobs& jobs, const Clock& clock, const PageTokens& tokens,
            query::QueryOptions options);

    /// Fails with `argument_invalid` for statements and for tokens that are not ours or belong to
    /// another statement or flavour, and with `service_unavailable` where a shard cannot be asked: no page
    /// lacks rows.
    /// Source: IoT Hub docs, "IoT Hub query language"; azure-iothub: query.ts (tokens).
    Task<Result<QueryPage>> run(QueryRequest request);

private:
    struct Position;
    struct Answer;
    using Plan = std::shared_ptr<const ScanPlan>;
    Task<Result<Answer>> list_rows(Plan plan, Position position, std::size_t page_size, Flavour flavour);
    Task<Result<Answer>> list_groups(Plan plan, Position position, std::size_t page_size);
    Task<Result<Answer>> list_jobs(query::Query query, Position position, std::size_t page_size);

    ShardPort& port_;
    Jobs& jobs_;
    const Clock& clock_;
    const PageTokens& tokens_;
    query::QueryOptions options_;
};

}  // namespace carillon
