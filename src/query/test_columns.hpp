#pragma once

// Rows with columns beside them, for tests of the language; no part of the product.

#include "query/column_filter.hpp"
#include "query/column_groups.hpp"
#include "query/test_fleet.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon::query {

/// Rows by number, and columns of them that come with the first query that wants them and are kept
/// right from then on. What it answers it knows from columns alone, but for rows where a condition
/// is not exact.
class TestColumns {
public:
    TestColumns() = default;
    explicit TestColumns(std::vector<TestRow> rows);

    void put(std::size_t number, TestRow row);
    void erase(std::size_t number);
    const std::optional<TestRow>& row(std::size_t number) const { return rows_[number]; }

    /// The numbers of the rows of `collection` that `where` keeps.
    std::vector<std::size_t> kept(const Condition& where, Collection collection);
    /// As `run_query`, for rows given in key order.
    std::vector<std::string> run(const Query& query);

    std::size_t exact_queries() const { return exact_queries_; }
    std::size_t queries() const { return queries_; }

private:
    const Column* column_of(const std::shared_ptr<const Path>& path);
    void refresh(Column& column, std::size_t number) const;

    std::vector<std::optional<TestRow>> rows_;
    std::vector<std::unique_ptr<Column>> columns_;
    std::size_t queries_ = 0;
    std::size_t exact_queries_ = 0;
};

}  // namespace carillon::query
