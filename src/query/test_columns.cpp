#include "query/test_columns.hpp"

#include <stdexcept>
#include <utility>

namespace carillon::query {

TestColumns::TestColumns(std::vector<TestRow> rows) {
    for (TestRow& row : rows) rows_.emplace_back(std::move(row));
}

void TestColumns::put(std::size_t number, TestRow row) {
    if (number >= rows_.size()) rows_.resize(number + 1);
    rows_[number] = std::move(row);
    for (const auto& column : columns_) refresh(*column, number);
}

void TestColumns::erase(std::size_t number) {
    rows_[number].reset();
    for (const auto& column : columns_) refresh(*column, number);
}

void TestColumns::refresh(Column& column, std::size_t number) const {
    Scratch scratch;
    const auto& row = rows_[number];
    const Value value = row ? read_path(*column.path(), row->row(), scratch) : Value{};
    column.set(static_cast<std::uint32_t>(number), value);
}

const Column* TestColumns::column_of(const std::shared_ptr<const Path>& path) {
    if (!is_columnar(*path)) return nullptr;
    for (const auto& column : columns_) {
        if (column->path()->same_as(*path)) return column.get();
    }
    columns_.push_back(std::make_unique<Column>(path));
    for (std::size_t i = 0; i < rows_.size(); ++i) refresh(*columns_.back(), i);
    return columns_.back().get();
}

std::vector<std::size_t> TestColumns::kept(const Condition& where, Collection collection) {
    const ColumnPlan plan(where);
    std::vector<const Column*> columns;
    for (const auto& path : plan.paths()) columns.push_back(column_of(path));
    ColumnFilter filter(plan, std::move(columns));
    Meter meter;
    while (!filter.prepare(meter)) {
    }
    ++queries_;
    exact_queries_ += filter.is_exact() ? 1 : 0;
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        const auto& row = rows_[i];
        if (!row || row->key.is_module() != (collection == Collection::modules)) continue;
        const bool can_hold = (filter.word(i / Column::word_rows) >> (i % Column::word_rows) & 1) != 0;
        if (filter.can_hold(static_cast<std::uint32_t>(i)) != can_hold)
            throw std::logic_error("a row differs from its word");
        if (can_hold && (filter.is_exact() || where.keeps(row->row()))) numbers.push_back(i);
    }
    return numbers;
}

std::vector<std::string> TestColumns::run(const Query& query) {
    const auto numbers = kept(query.where, query.collection);
    std::vector<std::string> items;
    Meter meter;
    if (query.is_aggregated()) {
        Aggregation aggregation(query);
        std::vector<const Column*> columns;
        bool has_all = true;
        for (const auto& path : ColumnGroups::paths_of(query)) {
            columns.push_back(column_of(path));
            has_all = has_all && columns.back() != nullptr;
        }
        if (!has_all) {
            std::vector<TestRow> rows;
            for (const auto& row : rows_) rows.push_back(*row);
            return run_query(query, rows);
        }
        ColumnGroups groups(query, columns, aggregation, meter,
                            [this](std::uint32_t row) { return rows_[row]->row(); });
        for (const std::size_t number : numbers) {
            const auto bit = std::uint64_t{1} << (number % Column::word_rows);
            if (auto added = groups.add(number / Column::word_rows, bit); !added)
                throw std::runtime_error(added.error().detail);
        }
        groups.finish();
        items = aggregation.rows();
    } else {
        for (const std::size_t number : numbers) {
            if (query.is_whole_rows()) {
                items.push_back(rows_[number]->path());
            } else {
                if (auto added = query.append_projected(items.emplace_back(), rows_[number]->row(), meter);
                    !added)
                    throw std::runtime_error(added.error().detail);
            }
        }
    }
    if (query.top && items.size() > *query.top) items.resize(*query.top);
    return items;
}

}  // namespace carillon::query
