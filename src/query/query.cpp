#include "query/query.hpp"

#include "query/binder.hpp"
#include "query/fault_text.hpp"
#include "query/parser.hpp"
#include "query/value.hpp"

#include <algorithm>
#include <utility>

namespace carillon::query {
namespace {

/// What the service puts before a job's condition when it counts columns.
constexpr std::string_view condition_prefix = "SELECT * FROM devices WHERE ";

/// The first name in `expr` that a target condition must not read, or nothing.
const Path* foreign_path(const Expr& expr) {
    if (expr.kind == Expr::Kind::path) {
        switch (expr.path->field) {
            case Field::device_id:
            case Field::module_id:
            case Field::tags:
            case Field::reported:
            case Field::reported_version:
            case Field::reported_metadata:
            case Field::unknown:
                return nullptr;
            default:
                return expr.path.get();
        }
    }
    for (const Expr& child : expr.children) {
        if (const Path* found = foreign_path(child)) return found;
    }
    return nullptr;
}

}  // namespace

Result<JobCondition> parse_target_condition(std::string_view text, const QueryOptions& options) {
    constexpr auto refusal = Errc::invalid_configuration_target_condition;
    auto condition = parse_job_condition(text, options);
    if (!condition) return fail(refusal, std::move(condition).error().detail);
    const Path* foreign =
        condition->where.expression() ? foreign_path(*condition->where.expression()) : nullptr;
    if (foreign == nullptr) return condition;
    return fail(refusal,
                "A target condition reads deviceId, moduleId, tags and properties.reported only, not '" +
                    foreign->label + "'");
}

Result<Query> parse_query(std::string_view text, const QueryOptions& options) {
    if (text.size() > options.statement_bytes_max) {
        return fail(Errc::argument_invalid, "Statement is longer than " +
                                                std::to_string(options.statement_bytes_max) + " characters");
    }
    Parser parser(text);
    Statement statement = parser.parse_statement();
    if (auto fault = parser.fault()) return fail(Errc::argument_invalid, describe_fault(text, *fault));
    Query query;
    query.collection = statement.from.collection;
    query.top = statement.top;
    Binder binder(statement.from, options.functions);
    binder.bind_select(statement, query);
    query.where = Condition(binder.bind_where(std::move(statement.where)));
    if (binder.fault()) return fail(Errc::argument_invalid, describe_fault(text, *binder.fault()));
    return query;
}

Result<JobCondition> parse_job_condition(std::string_view text, const QueryOptions& options) {
    if (text.size() > options.statement_bytes_max) {
        return fail(Errc::argument_invalid, "queryCondition is longer than " +
                                                std::to_string(options.statement_bytes_max) + " characters");
    }
    auto refuse = [&](const Fault& fault) {
        return fail(Errc::argument_invalid, "SQL query parse failed due to following errors: \n\t" +
                                                describe_fault(text, fault, condition_prefix));
    };
    Parser parser(text);
    Statement statement = parser.parse_job_condition();
    if (auto fault = parser.fault()) return refuse(*fault);
    JobCondition condition;
    condition.collection = statement.from.collection;
    Binder binder(statement.from, options.functions);
    condition.where = Condition(binder.bind_where(std::move(statement.where)));
    if (binder.fault()) return refuse(*binder.fault());
    return condition;
}

RowParts Query::parts() const {
    RowParts parts = where.parts();
    if (!is_aggregated()) return parts;
    for (const auto& path : group_by) parts.add(*path);
    for (const auto& projection : projections) {
        if (projection->path) parts.add(*projection->path);
    }
    return parts;
}

Error row_overdrawn(const EvaluationLimits& limits, const Row& row) {
    std::string name;
    if (row.key() != nullptr) name = row.key()->path();
    if (row.job() != nullptr) name = row.job()->job_id + "' of '" + row.job()->device_id;
    return Error{Errc::argument_invalid,
                 "Evaluating the statement takes more than " + std::to_string(limits.row_steps_max) +
                     " steps or " + std::to_string(limits.row_bytes_max) + " bytes for the row of '" + name +
                     "'; it needs fewer or shorter operations"};
}

Error statement_overdrawn() {
    return Error{Errc::argument_invalid,
                 "Evaluating the statement takes more than " +
                     std::to_string(EvaluationLimits::statement_steps_max) +
                     " steps in all; it needs fewer operations, or a condition that names fewer rows"};
}

Result<> Query::append_projected(std::string& out, const Row& row, Meter& meter) const {
    Scratch scratch(meter.limits);
    out += '{';
    const std::size_t begin = out.size();
    for (const auto& projection : projections) {
        const std::size_t before = out.size();
        if (before != begin) out += ',';
        append_json_string(out, projection->key);
        out += ':';
        if (!append_path_json(out, *projection->path, row, scratch)) out.resize(before);
        if (scratch.is_overdrawn()) break;
    }
    out += '}';
    if (!scratch.settle(meter)) return fail(row_overdrawn(meter.limits, row));
    return {};
}

}  // namespace carillon::query
