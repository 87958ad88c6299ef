#pragma once

#include "base/result.hpp"
#include "model/job.hpp"
#include "model/twin.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::query {

/// Bounds on a statement. Source: contract decisions.md 15 and 22.
struct QueryLimits {
    static constexpr std::size_t statement_bytes_max = 64 * 1024;
    static constexpr std::size_t depth_max = 64;
};

enum class Collection : std::uint8_t { devices, modules, jobs };

struct Expr;  // query/ast.hpp

/// One row as an expression sees it: an identity's document with its live state, or a device job.
/// Views what it is given; nothing is copied.
class Row {
public:
    Row(const Document& document, const IdentityKey& key, const LiveState& live)
        : document_(&document), key_(&key), live_(&live) {}
    explicit Row(const DeviceJob& job) : job_(&job) {}

    const Document* document() const { return document_; }
    const IdentityKey* key() const { return key_; }
    const LiveState* live() const { return live_; }
    const DeviceJob* job() const { return job_; }

private:
    const Document* document_ = nullptr;
    const IdentityKey* key_ = nullptr;
    const LiveState* live_ = nullptr;
    const DeviceJob* job_ = nullptr;
};

/// A condition, parsed and bound; immutable, so any number of threads evaluate one.
/// A row is kept only if the expression is exactly `true` (contract query.md 5).
class Condition {
public:
    Condition();  ///< Keeps every row.
    explicit Condition(std::shared_ptr<const Expr> expr) : expr_(std::move(expr)) {}

    bool is_always() const { return expr_ == nullptr; }
    bool keeps(const Row& row) const;
    /// If the condition can only hold for a few ids, those: from `deviceId = '…'` or `deviceId IN […]`
    /// among the conjuncts at the top. Nothing if it may hold for any.
    std::optional<std::vector<std::string>> device_ids() const;
    /// The same for `jobId`, for `devices.jobs`.
    std::optional<std::vector<std::string>> job_ids() const;

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
/// Source: contract query.md 9, jobs.md 5.1.
Result<JobCondition> parse_job_condition(std::string_view text);

struct Projection;  // query/ast.hpp

/// A whole statement for `POST /devices/query`.
class Query {
public:
    Collection collection = Collection::devices;
    Condition where;
    std::optional<std::uint64_t> top;
    /// Empty for `SELECT *`: rows are whole twins or device jobs. Else items are objects (`Raw`).
    std::vector<std::shared_ptr<const Projection>> projections;
    std::vector<std::shared_ptr<const Expr>> group_by;
    bool has_aggregates = false;

    bool is_whole_rows() const { return projections.empty(); }
    /// `SELECT` list without aggregates: appends the object for one row.
    void append_projected(std::string& out, const Row& row) const;
};
/// Fails with `argument_invalid`, the detail giving line, column and reason.
Result<Query> parse_query(std::string_view text);

/// Gathers COUNT, SUM, AVG, MIN, MAX over rows, by group; then yields one object a group, in the
/// order of the group keys. Mergeable, so that each shard gathers its own. Memory is bounded by
/// `groups_max` groups, beyond which `add` fails with `argument_invalid`.
class Aggregation {
public:
    static constexpr std::size_t groups_max = 100'000;

    explicit Aggregation(const Query& query);
    ~Aggregation();
    Aggregation(Aggregation&&) noexcept;
    Aggregation& operator=(Aggregation&&) noexcept;

    Result<> add(const Row& row);
    Result<> merge(Aggregation&& other);
    /// One JSON object a group.
    std::vector<std::string> rows() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::query
