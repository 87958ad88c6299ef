#pragma once

#include "core/shard/shard.hpp"
#include "core/shard/twin_index.hpp"
#include "query/column_filter.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace carillon {

/// A condition on the columns a shard has at the moment, which stay while this lives. The shard's
/// thread only.
class IndexedFilter {
public:
    /// `plan` outlives this.
    IndexedFilter(Shard& shard, const query::ColumnPlan& plan, query::Collection collection);

    /// Whether asking this is worth more than scanning.
    bool is_useful() const { return index_.is_ready() && filter_.is_selective(); }
    /// Whether the rows it gives are known to match, for every condition on rows.
    bool is_exact() const { return index_.is_ready() && filter_.is_exact(); }
    /// Does a bounded piece of preparation; true if none is left. Needed before `rows`, and again
    /// after other work had the thread.
    bool prepare(query::Meter& meter) { return filter_.prepare(meter); }
    std::size_t words() const { return index_.words(); }
    /// Looks into columns that `rows` takes.
    std::size_t looks() const { return filter_.leaves(); }
    /// The rows of a word that can match and are not stale.
    std::uint64_t rows(std::size_t word) const;
    /// The rows of a word that nothing is known of.
    std::uint64_t stale(std::size_t word) const { return index_.stale(word); }
    /// Whether a row can match, or nothing is known of it.
    bool can_match(Ordinal ordinal) const {
        const std::size_t word = ordinal / query::Column::word_rows;
        if (word >= index_.words()) return true;
        const std::uint64_t bit = std::uint64_t{1} << (ordinal % query::Column::word_rows);
        if ((index_.stale(word) & bit) != 0) return true;
        return (index_.rows(collection_, word) & bit) != 0 && filter_.can_hold(ordinal);
    }

private:
    TwinIndex& index_;
    query::Collection collection_;
    std::vector<std::optional<query::ColumnPin>> pins_;
    query::ColumnFilter filter_;
};

/// Finds all rows of a shard that can match a condition, a piece at a time. Rows that come to match
/// later are not among them, nor need those among them match any more. The shard's thread only.
class CandidateScan {
public:
    CandidateScan(Shard& shard, const query::ColumnPlan& plan, query::Collection collection)
        : filter_(shard, plan, collection) {}

    bool is_useful() const { return filter_.is_useful(); }
    IndexedFilter& filter() { return filter_; }
    /// Does a piece of some microseconds; true if there is more to do.
    bool step(query::Meter& meter);
    /// After the last step.
    std::size_t count() const { return count_; }
    bool has(Ordinal ordinal) const {
        const std::size_t word = ordinal / query::Column::word_rows;
        return word < rows_.size() && (rows_[word] >> (ordinal % query::Column::word_rows) & 1) != 0;
    }
    /// Words of 64 rows, by ordinal.
    const std::vector<std::uint64_t>& rows() const { return rows_; }

private:
    static constexpr std::size_t looks_a_step = 256;  ///< Each for 64 rows.

    IndexedFilter filter_;
    std::vector<std::uint64_t> rows_;
    std::size_t count_ = 0;
};

}  // namespace carillon
