#pragma once

#include "base/result.hpp"
#include "model/jobs/job.hpp"
#include "model/twin.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {
class StoredReader;  // base/stored_bytes.hpp
class StoredWriter;
}  // namespace carillon

namespace carillon::query {

/// Bounds on a statement. Ours: the service stops at 8,192 characters ("IoT Hub query language"),
/// which id lists outgrow; that is kept for strict mode.
struct QueryLimits {
    static constexpr std::size_t statement_bytes_max = 64 * 1024;
    static constexpr std::size_t strict_statement_bytes_max = 8192;
    /// Nesting of brackets, calls, lists and NOT.
    static constexpr std::size_t depth_max = 64;
};

/// Which functions exist, each set including the one before. `strict`: those known to work on twins
/// in the service, and IS_NULL and its kin. `extended`: also those of the service's routing dialect.
/// `permissive`: also STARTS_WITH and CONTAINS, which the service refuses.
enum class FunctionSet : std::uint8_t { strict, extended, permissive };

struct QueryOptions {
    FunctionSet functions = FunctionSet::extended;
    std::size_t statement_bytes_max = QueryLimits::statement_bytes_max;
};

enum class Collection : std::uint8_t { devices, modules, jobs };

struct Expr;        // query/bound.hpp
struct Path;        // query/bound.hpp
struct Projection;  // query/bound.hpp
struct Value;       // query/value.hpp

/// What one row may cost a statement or condition, so that no row holds a thread for much longer than a
/// millisecond, nor much memory, whatever the condition and the twin. A step is an operator, or what
/// takes as long: some 64 bytes of text copied or compared, 16 searched, 8 of JSON parsed. Ours.
struct EvaluationLimits {
    /// Of all rows that one page of an answer looks at on a shard: some ten seconds of its thread.
    static constexpr std::uint64_t statement_steps_max = 1024 * 1024 * 1024;
    /// After so many, who evaluates looks at the clock, whether others are to have the thread.
    static constexpr std::uint64_t steps_a_look = 4096;

    std::uint64_t row_steps_max = 64 * 1024;
    std::size_t row_bytes_max = 4 * 1024 * 1024;  ///< Of texts and values made on the way.
};

/// Adds up what evaluations cost, for who must give way to others. One thread.
struct Meter {
    EvaluationLimits limits{};
    std::uint64_t steps = 0;      ///< Of all rows so far.
    std::uint64_t overdrawn = 0;  ///< Rows that broke a limit: undefined, and so not kept.
};

/// One row as an expression sees it: an identity's document with its live state, or a device job, or
/// one value that every path has which names anything. Views what it is given; nothing is copied.
class Row {
public:
    Row(const Document& document, const IdentityKey& key, const LiveState& live)
        : document_(&document), key_(&key), live_(&live) {}
    explicit Row(const DeviceJob& job) : job_(&job) {}
    explicit Row(const Value& value) : value_(&value) {}

    const Document* document() const { return document_; }
    const IdentityKey* key() const { return key_; }
    const LiveState* live() const { return live_; }
    const DeviceJob* job() const { return job_; }
    const Value* value() const { return value_; }

private:
    const Document* document_ = nullptr;
    const IdentityKey* key_ = nullptr;
    const LiveState* live_ = nullptr;
    const DeviceJob* job_ = nullptr;
    const Value* value_ = nullptr;
};

/// What a statement is refused with whose evaluation broke the limits of a row, or of all rows:
/// `argument_invalid`.
Error row_overdrawn(const EvaluationLimits& limits, const Row& row);
Error statement_overdrawn();

/// What of a twin somebody reads, beside its ids.
struct RowParts {
    bool tags = false;
    bool desired = false;
    bool reported = false;
    bool other = false;  ///< Identity, connection, configurations.
    void add(const Path& path);
};

/// A condition, parsed and bound; immutable, so any number of threads evaluate one.
/// A row is kept only if the expression is exactly `true`.
/// Source: IoT Hub docs, "IoT Hub query language", WHERE clause.
class Condition {
public:
    Condition();  ///< Keeps every row.
    explicit Condition(std::shared_ptr<const Expr> expr) : expr_(std::move(expr)) {}

    bool is_always() const { return expr_ == nullptr; }
    const std::shared_ptr<const Expr>& expression() const { return expr_; }  ///< Null if it is always true.
    bool keeps(const Row& row) const;
    /// The same, counted; a row that is over the meter's limits is not kept, but `overdrawn`.
    bool keeps(const Row& row, Meter& meter) const;
    /// The sections it may read.
    RowParts parts() const;
    /// If the condition can only hold for a few ids, those, sorted and each once: from `deviceId = '…'`
    /// or `deviceId IN […]` among the conjuncts at the top, or an OR of such. Nothing if it may hold
    /// for any. Takes time in proportion to the statement; the caller keeps the answer.
    std::optional<std::vector<std::string>> device_ids() const;
    /// The same for `jobId`, for `devices.jobs`.
    std::optional<std::vector<std::string>> job_ids() const;
    /// The same for `status` of `devices.jobs`, as rows spell it.
    std::optional<std::vector<std::string>> job_statuses() const;
    /// A prefix all ids have where the condition holds, from `STARTSWITH(deviceId, '…')` among the
    /// conjuncts at the top; empty if there is none.
    std::string device_id_prefix() const;

private:
    std::shared_ptr<const Expr> expr_;
};

/// A job's `queryCondition`: `*`, a bare condition, or `FROM devices[.modules] [WHERE …]`.
struct JobCondition {
    Collection collection = Collection::devices;
    Condition where;
};
/// Fails with `argument_invalid`; the detail is the service's `failureReason`, with line and column
/// counted after the prefix `SELECT * FROM devices WHERE ` as the service does.
/// Source: azure-iot-sdk-csharp issue 40, which shows a failed job's reason.
Result<JobCondition> parse_job_condition(std::string_view text, const QueryOptions& options = {});

/// A configuration's `targetCondition`, which has the forms of a job's condition and reads `deviceId`,
/// `moduleId`, tags and reported properties alone: were it to depend on what configurations write, applying
/// one could never come to rest. Fails with `invalid_configuration_target_condition`.
/// Source: IoT Hub docs, "Automatic device management", target devices.
Result<JobCondition> parse_target_condition(std::string_view text, const QueryOptions& options = {});

/// A whole statement for `POST /devices/query`.
class Query {
public:
    Collection collection = Collection::devices;
    Condition where;
    std::optional<std::uint64_t> top;
    /// Empty for `SELECT *`: rows are whole twins or device jobs. Else items are objects (`Raw`).
    std::vector<std::shared_ptr<const Projection>> projections;
    std::vector<std::shared_ptr<const Path>> group_by;
    bool has_aggregates = false;

    /// The sections that the condition, groups and aggregates read.
    RowParts parts() const;
    bool is_whole_rows() const { return projections.empty(); }
    /// Rows are gathered by an `Aggregation` instead of listed.
    bool is_aggregated() const { return has_aggregates || !group_by.empty(); }
    /// `SELECT` list without aggregates: appends the object for one row. Fails with `argument_invalid`
    /// if the row is over the meter's limits; its text counts as well.
    Result<> append_projected(std::string& out, const Row& row, Meter& meter) const;
};
/// Fails with `argument_invalid`, the detail being `Line 1:8 <reason>`: columns count characters from 1.
Result<Query> parse_query(std::string_view text, const QueryOptions& options = {});

/// Gathers COUNT, SUM, AVG, MIN, MAX over rows, by group; then yields one object a group, in the
/// order of the group keys. Mergeable, so that each shard gathers its own; keeps nothing of the
/// query it was made from alive but what is shared. Beyond `groups_max` groups or `bytes_max` bytes
/// of group keys, `add` and `merge` fail with `argument_invalid`; `add` also over the meter's limits.
class Aggregation {
public:
    static constexpr std::size_t groups_max = 100'000;
    static constexpr std::size_t bytes_max = 64 * 1024 * 1024;

    explicit Aggregation(const Query& query);
    ~Aggregation();
    Aggregation(Aggregation&&) noexcept;
    Aggregation& operator=(Aggregation&&) noexcept;

    Result<> add(const Row& row, Meter& meter);
    Result<> merge(Aggregation&& other);

    /// A group, for rows of which is known that they belong to it: `add` is then `group_of` and one
    /// of the other two. It stays where it is until the aggregation is moved or merged.
    struct Group;
    Result<Group*> group_of(const Row& row, Meter& meter);
    /// Adds a row whose values under the projections' paths are `values`, one for each projection.
    void add_to(Group& group, std::span<const Value> values);
    /// Adds rows for queries whose aggregates are all COUNT().
    void count_to(Group& group, std::uint64_t rows);

    /// Appends what was gathered, for another node to merge.
    void write(StoredWriter& out) const;
    /// Takes, in place of what was gathered, what the same query's `write` gave. False if the bytes do not
    /// decode.
    bool read(StoredReader& in);

    /// One JSON object a group; without GROUP BY exactly one.
    std::vector<std::string> rows() const;

    struct Page {
        std::vector<std::string> rows;
        std::string position;  ///< Where the next page begins; empty when nothing follows.
    };
    /// The same, `rows_max` at a time; `position` is that of the page before, or empty. A group that
    /// came or went between two calls neither repeats nor hides another.
    Page page(std::string_view position, std::size_t rows_max, std::size_t page_bytes_max) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::query
