#include "core/scan/candidate_scan.hpp"

#include <algorithm>
#include <bit>

namespace carillon {
namespace {

std::vector<const query::Column*> columns_of(const std::vector<std::optional<query::ColumnPin>>& pins) {
    std::vector<const query::Column*> columns;
    for (const auto& pin : pins) columns.push_back(pin ? &**pin : nullptr);
    return columns;
}

}  // namespace

IndexedFilter::IndexedFilter(Shard& shard, const query::ColumnPlan& plan, query::Collection collection)
    : index_(shard.index()),
      collection_(collection),
      pins_(index_.pin(plan.paths())),
      filter_(plan, columns_of(pins_)) {}

std::uint64_t IndexedFilter::rows(std::size_t word) const {
    const std::uint64_t there = index_.rows(collection_, word) & ~index_.stale(word);
    return there == 0 ? 0 : there & filter_.word(word);
}

bool CandidateScan::step(query::Meter& meter) {
    if (!filter_.prepare(meter)) return true;
    const std::size_t words_a_step = 1 + looks_a_step / (1 + filter_.looks());
    const std::size_t end = std::min(rows_.size() + words_a_step, filter_.words());
    for (std::size_t word = rows_.size(); word < end; ++word) {
        rows_.push_back(filter_.rows(word) | filter_.stale(word));
        count_ += static_cast<std::size_t>(std::popcount(rows_.back()));
    }
    return end < filter_.words();
}

}  // namespace carillon
