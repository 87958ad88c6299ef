#include "query/column_groups.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace carillon::query {
namespace {

/// Values that are looked up and added in the time of a step.
constexpr std::size_t aggregates_a_step = 4;

using Paths = std::vector<std::shared_ptr<const Path>>;

std::size_t place_of(const Paths& paths, const Path& path) {
    auto same = [&](const auto& other) { return other->same_as(path); };
    return static_cast<std::size_t>(std::find_if(paths.begin(), paths.end(), same) - paths.begin());
}

bool is_read(const Projection& projection) {
    return projection.aggregate != Aggregate::none && projection.path != nullptr;
}

}  // namespace

Paths ColumnGroups::paths_of(const Query& query) {
    Paths paths;
    auto add = [&](const std::shared_ptr<const Path>& path) {
        if (place_of(paths, *path) == paths.size()) paths.push_back(path);
    };
    for (const auto& path : query.group_by) add(path);
    for (const auto& projection : query.projections) {
        if (is_read(*projection)) add(projection->path);
    }
    return paths;
}

ColumnGroups::ColumnGroups(const Query& query, std::vector<const Column*> columns, Aggregation& into,
                           Meter& meter, RowAt row_at)
    : into_(into), meter_(meter), row_at_(std::move(row_at)), values_(query.projections.size()) {
    const Paths paths = paths_of(query);
    for (const auto& path : query.group_by) grouped_.push_back(columns[place_of(paths, *path)]);
    for (const auto& projection : query.projections) {
        const bool reads = is_read(*projection);
        aggregated_.push_back(reads ? columns[place_of(paths, *projection->path)] : nullptr);
        if (reads) only_counts_ = false;
    }
    if (grouped_.size() > 1) by_pair_.resize(grouped_.size() - 1);
}

Result<std::uint64_t> ColumnGroups::add(std::size_t index, std::uint64_t rows) {
    const auto first = static_cast<std::uint32_t>(index * Column::word_rows);
    if (grouped_.empty() && only_counts_ && rows != 0) {
        auto slot = slot_of(first + static_cast<std::uint32_t>(std::countr_zero(rows)));
        if (!slot) return fail(std::move(slot).error());
        slots_[*slot].rows += static_cast<std::uint64_t>(std::popcount(rows));
        return 0;
    }
    const std::uint64_t enough = meter_.steps + steps_a_call;
    while (rows != 0 && meter_.steps < enough) {
        auto added = add_row(first + static_cast<std::uint32_t>(std::countr_zero(rows)));
        if (!added) return fail(std::move(added).error());
        rows &= rows - 1;
    }
    return rows;
}

Result<> ColumnGroups::add_row(std::uint32_t row) {
    auto slot = slot_of(row);
    if (!slot) return fail(std::move(slot).error());
    if (*slot == unread) return into_.add(row_at_(row), meter_);
    if (only_counts_) {
        ++slots_[*slot].rows;
        return {};
    }
    meter_.steps += aggregated_.size() / aggregates_a_step;
    for (std::size_t i = 0; i < aggregated_.size(); ++i) {
        if (aggregated_[i] != nullptr) values_[i] = aggregated_[i]->value(aggregated_[i]->at(row));
    }
    into_.add_to(*slots_[*slot].group, values_);
    return {};
}

bool ColumnGroups::is_opaque(std::uint32_t row) const {
    return std::any_of(grouped_.begin(), grouped_.end(),
                       [row](const Column* column) { return column->is_opaque(column->at(row)); });
}

/// Where the slot of the row's ids is kept; `none` there if they are new.
std::uint32_t* ColumnGroups::find_place(std::uint32_t row) {
    const ValueId first = grouped_.empty() ? 0 : grouped_[0]->at(row);
    if (first >= by_id_.size()) {
        by_id_.resize(grouped_.empty() ? 1 : std::max<std::size_t>(grouped_[0]->ids_end(), first + 1), none);
    }
    std::uint32_t* place = &by_id_[first];
    std::uint64_t before = first;
    for (std::size_t i = 1; i < grouped_.size(); ++i) {
        // Each pair gets a number, which with the next id is a pair again; the last pair has the slot.
        auto& pairs = by_pair_[i - 1];
        const bool is_last = i + 1 == grouped_.size();
        const auto number = is_last ? none : static_cast<std::uint32_t>(pairs.size());
        place = &pairs.try_emplace(before << 32 | grouped_[i]->at(row), number).first->second;
        before = *place;
    }
    return place;
}

Result<std::uint32_t> ColumnGroups::slot_of(std::uint32_t row) {
    std::uint32_t* const place = find_place(row);
    if (*place != none) return *place;
    if (is_opaque(row)) {
        *place = unread;
        return unread;
    }
    auto group = into_.group_of(row_at_(row), meter_);
    if (!group) return fail(std::move(group).error());
    *place = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back(Slot{*group, 0});
    return *place;
}

void ColumnGroups::finish() {
    if (!only_counts_) return;
    for (const Slot& slot : slots_) into_.count_to(*slot.group, slot.rows);
}

}  // namespace carillon::query
