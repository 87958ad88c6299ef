#pragma once

#include "query/column.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <unordered_map>
#include <vector>

namespace carillon::query {

/// Gathers an aggregation from columns: rows are told apart by the ids of their values, and only the
/// first row of each combination of ids is read. On the columns' thread.
class ColumnGroups {
public:
    /// The row of an ordinal; its document has the values that the columns say.
    using RowAt = std::function<Row(std::uint32_t row)>;

    /// The paths whose columns this needs: those grouped by, then those aggregated, each once.
    static std::vector<std::shared_ptr<const Path>> paths_of(const Query& query);

    /// `columns` are those of `paths_of(query)`; all of it outlives this.
    ColumnGroups(const Query& query, std::vector<const Column*> columns, Aggregation& into, Meter& meter,
                 RowAt row_at);

    /// Adds the rows of word `index` whose bits are set in `rows`, until that has taken some tens of
    /// microseconds; answers with those left. Fails as `Aggregation::add`.
    Result<std::uint64_t> add(std::size_t index, std::uint64_t rows);
    /// Hands over what was only counted so far. Once, at the end.
    void finish();

private:
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    /// A group whose rows hold an array or object where they are grouped: each row is read.
    static constexpr std::uint32_t unread = none - 1;

    struct Slot {
        Aggregation::Group* group = nullptr;
        std::uint64_t rows = 0;
    };

    Result<> add_row(std::uint32_t row);
    Result<std::uint32_t> slot_of(std::uint32_t row);
    std::uint32_t* find_place(std::uint32_t row);
    bool is_opaque(std::uint32_t row) const;

    static constexpr std::uint64_t steps_a_call = 4096;

    Aggregation& into_;
    Meter& meter_;
    RowAt row_at_;
    std::vector<const Column*> grouped_;
    std::vector<const Column*> aggregated_;  ///< One for each projection, null where it needs none.
    std::vector<Value> values_;              ///< Of one row, as the projections have them.
    bool only_counts_ = true;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> by_id_;  ///< Slots by the first grouped column's id.
    /// For each further grouped column: by the number of the ids before it, and its id.
    std::vector<std::unordered_map<std::uint64_t, std::uint32_t>> by_pair_;
};

}  // namespace carillon::query
