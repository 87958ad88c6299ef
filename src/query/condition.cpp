#include "query/query.hpp"
#include "query/value.hpp"

#include <algorithm>
#include <utility>

namespace carillon::query {
namespace {

using Ids = std::optional<std::vector<std::string>>;

bool is_field(const Expr& expr, Field field) {
    return expr.kind == Expr::Kind::path && expr.path->field == field;
}

bool is_string(const Expr& expr) {
    return expr.kind == Expr::Kind::constant && !expr.is_array &&
           expr.constant.kind == Constant::Kind::string;
}

void sort_once(std::vector<std::string>& ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

/// The values `field` may have where `expr` holds, if they are few and known.
Ids values_of(const Expr& expr, Field field) {
    switch (expr.kind) {
        case Expr::Kind::compare:
            if (expr.compare != Compare::equal) return std::nullopt;
            for (const std::size_t i : {0U, 1U}) {
                if (is_field(expr.children[i], field) && is_string(expr.children[1 - i])) {
                    return std::vector<std::string>{expr.children[1 - i].constant.text};
                }
            }
            return std::nullopt;
        case Expr::Kind::in: {
            if (expr.is_negated || expr.children.size() > 1 || !is_field(expr.children[0], field)) {
                return std::nullopt;
            }
            std::vector<std::string> ids(expr.set->strings.begin(), expr.set->strings.end());
            sort_once(ids);
            return ids;
        }
        case Expr::Kind::and_: {
            Ids fewest;
            for (const Expr& child : expr.children) {
                Ids ids = values_of(child, field);
                if (ids && (!fewest || ids->size() < fewest->size())) fewest = std::move(ids);
            }
            return fewest;
        }
        case Expr::Kind::or_: {
            std::vector<std::string> all;
            for (const Expr& child : expr.children) {
                Ids ids = values_of(child, field);
                if (!ids) return std::nullopt;
                std::move(ids->begin(), ids->end(), std::back_inserter(all));
            }
            sort_once(all);
            return all;
        }
        default:
            return std::nullopt;
    }
}

std::string prefix_of(const Expr& expr) {
    if (expr.kind == Expr::Kind::call && expr.function == Function::starts_with &&
        is_field(expr.children[0], Field::device_id) && is_string(expr.children[1])) {
        return expr.children[1].constant.text;
    }
    std::string longest;
    if (expr.kind == Expr::Kind::and_) {
        for (const Expr& child : expr.children) {
            std::string prefix = prefix_of(child);
            if (prefix.size() > longest.size()) longest = std::move(prefix);
        }
    }
    return longest;
}

void add_parts(const Expr& expr, RowParts& parts) {
    if (expr.kind == Expr::Kind::path) parts.add(*expr.path);
    for (const Expr& child : expr.children) add_parts(child, parts);
}

}  // namespace

void RowParts::add(const Path& path) {
    switch (path.field) {
        case Field::tags:
            tags = true;
            break;
        case Field::desired:
        case Field::desired_version:
        case Field::desired_metadata:
            desired = true;
            break;
        case Field::reported:
        case Field::reported_version:
        case Field::reported_metadata:
            reported = true;
            break;
        case Field::device_id:
        case Field::module_id:
            break;
        default:
            other = true;
            break;
    }
}

RowParts Condition::parts() const {
    RowParts parts;
    if (expr_) add_parts(*expr_, parts);
    return parts;
}

Condition::Condition() = default;

bool Condition::keeps(const Row& row, Meter& meter) const {
    if (!expr_) return true;
    Scratch scratch(meter.limits);
    const bool keeps = holds(*expr_, row, scratch);
    return scratch.settle(meter) && keeps;
}

bool Condition::keeps(const Row& row) const {
    Meter meter;
    return keeps(row, meter);
}

std::optional<std::vector<std::string>> Condition::device_ids() const {
    return expr_ ? values_of(*expr_, Field::device_id) : std::nullopt;
}

std::optional<std::vector<std::string>> Condition::job_ids() const {
    return expr_ ? values_of(*expr_, Field::job_id) : std::nullopt;
}

std::optional<std::vector<std::string>> Condition::job_statuses() const {
    return expr_ ? values_of(*expr_, Field::job_status) : std::nullopt;
}

std::string Condition::device_id_prefix() const {
    return expr_ ? prefix_of(*expr_) : std::string();
}

}  // namespace carillon::query
