#include "store/read_only_store.hpp"

#include "store/crc32c.hpp"
#include "store/rocks_store.hpp"
#include "store/store_test_util.hpp"

#include <gtest/gtest.h>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

namespace carillon {
namespace {

namespace fs = std::filesystem;

Batch row(std::uint64_t number) {
    Batch batch;
    batch.put(Table::jobs, be_key(number), std::string(1000, 'x'));
    return batch;
}

/// Every file below `folder` with its checksum and the time of its last change.
std::map<std::string, std::pair<std::uint32_t, fs::file_time_type>> files_below(const fs::path& folder) {
    std::map<std::string, std::pair<std::uint32_t, fs::file_time_type>> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in(entry.path(), std::ios::binary);
        const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
        found[entry.path().string()] = {crc32c(0, bytes), entry.last_write_time()};
    }
    return found;
}

std::uint64_t rows_of(const Store& store) {
    std::uint64_t count = 0;
    const auto visit = [&count](std::string_view, std::string_view) { return ++count > 0; };
    EXPECT_TRUE(store.scan(Table::jobs, "", "", visit));
    return count;
}

/// A store with rows in tables and in a log.
void fill(const fs::path& path, std::uint64_t rows) {
    auto store = RocksStore::open(path);
    ASSERT_TRUE(store) << store.error().detail;
    for (std::uint64_t i = 0; i < rows; ++i) {
        ASSERT_TRUE((*store)->commit(row(i)));
        if (i == rows / 2) {
            ASSERT_TRUE((*store)->flush());
        }
    }
}

TEST(ReadOnlyStore, ShowsWhatIsInTablesAndInTheLogAndChangesNoFile) {
    const TestFolder folder;
    const fs::path path = folder.path() / "store";
    fill(path, 20);
    const auto before = files_below(folder.path());
    {
        auto store = ReadOnlyStore::open(path);
        ASSERT_TRUE(store) << store.error().detail;
        EXPECT_EQ(rows_of(**store), 20U);
        const auto found = (*store)->get(Table::jobs, be_key(19));
        ASSERT_TRUE(found);
        EXPECT_TRUE(found->has_value());
        EXPECT_FALSE((*store)->get(Table::jobs, be_key(20))->has_value());
    }
    EXPECT_EQ(files_below(folder.path()), before);
}

TEST(ReadOnlyStore, RefusesEveryBatchAndUntilItIsLoadedIgnoresOneThatOnlyRemoves) {
    const TestFolder folder;
    const fs::path path = folder.path() / "store";
    fill(path, 2);
    auto store = ReadOnlyStore::open(path);
    ASSERT_TRUE(store) << store.error().detail;
    Batch removal;
    removal.erase(Table::jobs, be_key(0));
    EXPECT_TRUE((*store)->commit(removal));
    EXPECT_FALSE((*store)->commit(row(7)));
    removal.append(row(7));
    EXPECT_FALSE((*store)->commit(removal));
    (*store)->loaded();
    Batch late;
    late.erase(Table::jobs, be_key(0));
    const auto refused = (*store)->commit(late);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::operation_not_allowed_in_current_state);
    EXPECT_EQ(rows_of(**store), 2U);
}

TEST(ReadOnlyStore, GoesOnGivingWhatItWasOpenedOnWhileAnotherWritesMergesAndRemoves) {
    const TestFolder folder;
    const fs::path path = folder.path() / "store";
    fill(path, 500);
    auto reader = ReadOnlyStore::open(path);
    ASSERT_TRUE(reader) << reader.error().detail;
    {
        auto writer = RocksStore::open(path);
        ASSERT_TRUE(writer) << writer.error().detail;
        Batch removal;
        removal.erase_range(Table::jobs, be_key(0), be_key(400));
        ASSERT_TRUE((*writer)->commit(removal));
        ASSERT_TRUE((*writer)->commit(row(1000)));
        ASSERT_TRUE((*writer)->flush());
        ASSERT_TRUE((*writer)->compact(Table::jobs));
        EXPECT_EQ(rows_of(**writer), 101U);
    }
    EXPECT_EQ(rows_of(**reader), 500U);
}

TEST(ReadOnlyStore, RefusesWhatIsDamagedOrNotThere) {
    const TestFolder folder;
    EXPECT_EQ(ReadOnlyStore::open(folder.path() / "none").error().code, Errc::not_found_locally);
    EXPECT_TRUE(fs::is_empty(folder.path()));
    const fs::path path = folder.path() / "store";
    fill(path, 20);
    for (const auto& entry : fs::directory_iterator(path)) {
        if (entry.path().extension() == ".sst") fs::resize_file(entry.path(), entry.file_size() - 1);
    }
    const auto opened = ReadOnlyStore::open(path);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::store_corrupt);
}

}  // namespace
}  // namespace carillon
