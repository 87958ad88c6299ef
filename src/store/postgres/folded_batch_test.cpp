#include "store/postgres/folded_batch.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Pairs = std::vector<FoldedTable::Pair>;
using Keys = std::vector<std::string_view>;

const FoldedTable& jobs_of(const std::array<FoldedTable, table_count>& folded) {
    return folded[static_cast<std::size_t>(Table::jobs)];
}

TEST(FoldedBatch, TheLastWordOnAKeyCounts) {
    Batch batch;
    batch.put(Table::jobs, "b", "1");
    batch.put(Table::jobs, "a", "1");
    batch.put(Table::jobs, "b", "2");
    batch.erase(Table::jobs, "a");
    batch.erase(Table::jobs, "c");
    batch.put(Table::jobs, "c", "3");
    const auto folded = fold(batch);
    EXPECT_EQ(jobs_of(folded).put, (Pairs{{"b", "2"}, {"c", "3"}}));
    EXPECT_EQ(jobs_of(folded).erased, Keys{"a"});
    EXPECT_TRUE(folded[0].is_empty());
}

TEST(FoldedBatch, ARangeTakesWhatWasWrittenBeforeItAndSparesWhatComesLater) {
    Batch batch;
    batch.put(Table::jobs, "b", "before");
    batch.erase(Table::jobs, "bb");
    batch.put(Table::jobs, "c", "at the end");
    batch.erase_range(Table::jobs, "b", "c");
    batch.put(Table::jobs, "ba", "after");
    const auto folded = fold(batch);
    EXPECT_EQ(jobs_of(folded).ranges, (Pairs{{"b", "c"}}));
    EXPECT_EQ(jobs_of(folded).put, (Pairs{{"ba", "after"}, {"c", "at the end"}}));
    EXPECT_TRUE(jobs_of(folded).erased.empty());
}

TEST(FoldedBatch, ARangeWithoutAnythingInItIsDropped) {
    Batch batch;
    batch.put(Table::jobs, "b", "x");
    batch.erase_range(Table::jobs, "c", "a");
    batch.erase_range(Table::jobs, "b", "b");
    batch.erase_range(Table::jobs, "a", "");
    const auto folded = fold(batch);
    EXPECT_TRUE(jobs_of(folded).ranges.empty());
    EXPECT_EQ(jobs_of(folded).put, (Pairs{{"b", "x"}}));
}

}  // namespace
}  // namespace carillon
