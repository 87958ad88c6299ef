#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "core/scan/scan_cost.hpp"
#include "core/shard/found_row.hpp"
#include "core/shard/shard.hpp"
#include "query/column_filter.hpp"
#include "query/query.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// Evaluation gives way to other work of a shard after this long.
inline constexpr std::chrono::microseconds scan_slice_max{250};

/// A statement as the shards work on it, with the shortcuts its condition allows.
struct ScanPlan {
    /// What the query was parsed from, for shards of other nodes, which parse it again.
    struct Statement {
        std::string text;
        query::QueryOptions options;
        bool is_counted = false;  ///< COUNT takes the place of what it selects; it has no aggregates then.
    };
    /// Fails as `parse_query`, and with `argument_invalid` for an aggregated statement to be counted.
    static Result<std::shared_ptr<const ScanPlan>> parse(Statement statement);
    explicit ScanPlan(query::Query of);
    ScanPlan(query::Query of, Statement from);

    query::Query query;
    Statement statement;
    query::RowParts parts;  ///< What `keeps` and aggregates read.
    /// The only device ids that can match, sorted; nothing if any may.
    std::optional<std::vector<std::string>> ids;
    std::string prefix;  ///< All matching device ids begin so.
    query::ColumnPlan columns;
    /// The paths grouped by and aggregated.
    std::vector<std::shared_ptr<const query::Path>> group_paths;
    /// What the scans of this plan have cost.
    mutable ScanCost cost;

    /// Fails with `argument_invalid` if the record is over the meter's limits, or all records so far are.
    Result<bool> keeps(const Record& record, query::Meter& meter) const;
    /// What the statement can see of the record's connection: nothing where it does not ask.
    LiveState live(const Record& record) const { return parts.other ? record.live() : LiveState{}; }
};

/// The first `rows_max` rows of a shard behind `after`, in key order. On the shard's thread.
/// Fails as `ScanPlan::keeps`.
Task<Result<std::vector<FoundRow>>> scan_rows(Shard& shard, std::shared_ptr<const ScanPlan> plan,
                                              std::optional<IdentityKey> after, std::size_t rows_max);

/// The aggregates over a shard's rows; `argument_invalid` if there are too many groups. On the
/// shard's thread. A pointer, since what Asio carries between threads must have an empty state.
using GatheredGroups = Result<std::unique_ptr<query::Aggregation>>;
Task<GatheredGroups> scan_groups(Shard& shard, std::shared_ptr<const ScanPlan> plan);

}  // namespace carillon
