// Damages files of a store, one at a time, and opens it: everything acknowledged is there, or it is refused
// before anything is changed.
#include "store/rocks_store.hpp"
#include "store/store_check.hpp"
#include "store/store_files.hpp"
#include "store/store_test_util.hpp"

#include <gtest/gtest.h>
#include <rocksdb/file_system.h>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <vector>

namespace carillon {
namespace {

namespace fs = std::filesystem;
using Tree = std::map<std::string, std::string>;  ///< Contents by path.

RocksOptions small_files() {
    RocksOptions options;
    options.write_buffer_bytes = 64 * 1024;
    options.write_buffers_bytes_max = 1024 * 1024;
    options.wal_bytes_max = 512 * 1024;
    return options;
}

std::string read_all(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_all(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

Tree read_tree(const fs::path& folder) {
    Tree tree;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file())
            tree[fs::relative(entry.path(), folder).string()] = read_all(entry.path());
    }
    return tree;
}

void write_tree(const fs::path& folder, const Tree& tree) {
    fs::remove_all(folder);
    for (const auto& [name, bytes] : tree) {
        fs::create_directories((folder / name).parent_path());
        write_all(folder / name, bytes);
    }
}

/// Every row of every table.
Result<std::string> contents(const Store& store) {
    std::string all;
    for (std::size_t table = 0; table < table_count; ++table) {
        const auto visit = [&all](std::string_view key, std::string_view value) {
            (((all += key) += '=') += value) += '\n';
            return true;
        };
        if (auto done = store.scan(static_cast<Table>(table), "", "", visit); !done)
            return fail(done.error());
        all += "---\n";
    }
    return all;
}

/// A data folder whose hub was killed, an older state of it, and what the store holds.
struct Scene {
    Tree tree;
    Tree older;
    std::string expected;
};

/// The files as they are when no merge changes them meanwhile.
Tree read_settled_tree(const fs::path& folder) {
    Tree before = read_tree(folder);
    for (;;) {
        Tree now = read_tree(folder);
        if (now == before) return now;
        before = std::move(now);
    }
}

Scene make_scene(const fs::path& folder, unsigned seed) {
    Scene scene;
    std::mt19937 random(seed);
    auto opened = RocksStore::open(folder / "store", small_files());
    EXPECT_TRUE(opened) << opened.error().detail;
    auto store = *std::move(opened);
    const auto commit = [&](int commits) {
        for (int i = 0; i < commits; ++i) {
            Batch batch;
            for (const Table table : {Table::meta, Table::identities, Table::jobs, Table::events}) {
                std::string value(random() % 400, '\0');
                for (char& c : value) c = static_cast<char>(random());
                batch.put(table, be_key(random() % 500), std::move(value));
            }
            EXPECT_TRUE(store->commit(batch));
        }
    };
    commit(400);
    EXPECT_TRUE(store->flush());
    commit(60);
    scene.older = read_settled_tree(folder);
    commit(300);
    EXPECT_TRUE(store->compact(Table::jobs));
    commit(200);
    // As a kill leaves it: nothing is closed.
    scene.tree = read_settled_tree(folder);
    scene.expected = *contents(*store);
    return scene;
}

enum class Kind : std::uint8_t { cut, emptied, flipped, zeroed, missing, swapped, older };
constexpr int kinds = 7;
constexpr const char* kind_names[kinds] = {"cut",     "emptied", "flipped", "zeroed",
                                           "missing", "swapped", "older"};

/// Damages one file; false if that leaves it as it was.
bool damage(Tree& tree, const std::string& name, Kind kind, const Scene& own, const Scene& other,
            std::mt19937& random) {
    std::string& bytes = tree[name];
    const std::string before = bytes;
    const auto at = [&] { return bytes.empty() ? 0 : random() % bytes.size(); };
    switch (kind) {
        case Kind::cut:
            bytes.resize(at());
            break;
        case Kind::emptied:
            bytes.clear();
            break;
        case Kind::flipped:
            if (!bytes.empty()) bytes[at()] ^= static_cast<char>(1 << random() % 8);
            break;
        case Kind::zeroed: {
            const std::size_t from = at();
            const std::size_t size = std::min<std::size_t>(bytes.size() - from, 1 + random() % 4096);
            std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), size, '\0');
            break;
        }
        case Kind::missing:
            tree.erase(name);
            return true;
        case Kind::swapped:
        case Kind::older: {
            const Tree& from = kind == Kind::swapped ? other.tree : own.older;
            const auto found = from.find(name);
            if (found == from.end()) return false;
            bytes = found->second;
            break;
        }
    }
    return bytes != before;
}

TEST(StoreDamage, LeavesEverythingThereOrIsRefusedBeforeAnyChange) {
    const char* const wanted = std::getenv("STORE_DAMAGES");
    const int damages = wanted != nullptr ? std::atoi(wanted) : 60;
    const char* const given = std::getenv("STORE_DAMAGE_SEED");
    const auto seed =
        given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device()() % 1'000'000;
    SCOPED_TRACE("STORE_DAMAGE_SEED=" + std::to_string(seed));
    const TestFolder folder;
    const Scene scene = make_scene(folder.path() / "first", seed);
    const Scene other = make_scene(folder.path() / "second", seed + 1);
    std::vector<std::string> names;
    for (const auto& [name, bytes] : scene.tree) names.push_back(name);
    std::mt19937 random(seed);
    const fs::path data = folder.path() / "data";
    int recovered = 0;
    int refused = 0;
    for (int done = 0; done < damages;) {
        // In turn over the files, so that each gets its share.
        const std::string& name = names[static_cast<std::size_t>(done) % names.size()];
        const auto kind = static_cast<Kind>(random() % kinds);
        Tree tree = scene.tree;
        if (!damage(tree, name, kind, scene, other, random)) continue;
        ++done;
        const std::string what = name + ' ' + kind_names[static_cast<int>(kind)];
        write_tree(data, tree);
        const auto report = check_store(data / "store");
        ASSERT_TRUE(report) << what << ": " << report.error().detail;
        EXPECT_EQ(read_tree(data), tree) << what << ": the check changed something";
        const auto opened = RocksStore::open(data / "store", small_files());
        EXPECT_EQ(opened.has_value(), report->damages.empty())
            << what << ": the check and the start disagree";
        if (opened) {
            ++recovered;
            const auto found = contents(**opened);
            ASSERT_TRUE(found) << what << ": " << found.error().detail;
            EXPECT_EQ(*found == scene.expected, true) << what << ": not what was acknowledged, silently";
        } else {
            ++refused;
            EXPECT_EQ(opened.error().code, Errc::store_corrupt) << what;
            const std::string& detail = opened.error().detail;
            EXPECT_NE(detail.find("Nothing was changed"), std::string::npos) << what << ": " << detail;
            const fs::path file = data / name;
            EXPECT_NE(detail.find(file.filename().string()), std::string::npos) << what << ": " << detail;
            EXPECT_EQ(read_tree(data), tree) << what << ": something was changed";
        }
        if (HasFailure()) break;
    }
    std::printf("%d damages over %zu files: %d recovered, %d refused\n", damages, names.size(), recovered,
                refused);
}

TEST(StoreDamage, AFolderThatIsGoneOrEmptyIsNotANewStore) {
    const TestFolder folder;
    const fs::path store = folder.path() / "store";
    ASSERT_TRUE(RocksStore::open(store));
    fs::rename(store, folder.path() / "away");
    for (const bool is_there : {false, true}) {  // As a failed mount leaves it, in either way.
        if (is_there) fs::create_directory(store);
        const auto opened = RocksStore::open(store);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, Errc::store_corrupt);
        EXPECT_NE(opened.error().detail.find("mount"), std::string::npos);
        EXPECT_TRUE(!fs::exists(store) || fs::is_empty(store));
    }
    fs::remove(store);
    fs::rename(folder.path() / "away", store);
    EXPECT_TRUE(RocksStore::open(store));
}

TEST(StoreDamage, AStoreWithoutALedgerGetsOne) {  // As earlier versions left them.
    const TestFolder folder;
    const Scene scene = make_scene(folder.path() / "data", 11);
    Tree tree = scene.tree;
    tree.erase("store.ledger");
    write_tree(folder.path() / "old", tree);
    const fs::path store = folder.path() / "old" / "store";
    {
        const auto opened = RocksStore::open(store, small_files());
        ASSERT_TRUE(opened) << opened.error().detail;
        EXPECT_EQ(*contents(**opened) == scene.expected, true);
    }
    const auto found = examine_store(rocksdb::FileSystem::Default(), store);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->has_ledger);
    EXPECT_TRUE(found->entries.manifest);
    EXPECT_FALSE(found->entries.identity.empty());
    EXPECT_TRUE(found->damages.empty());
}

TEST(StoreDamage, AnEmptyFolderMadeBeforehandTakesANewStore) {
    const TestFolder folder;
    fs::create_directory(folder.path() / "store");
    EXPECT_TRUE(RocksStore::open(folder.path() / "store"));
    EXPECT_TRUE(RocksStore::open(folder.path() / "store"));
}

TEST(StoreDamage, ACreationThatWasCutShortBeginsAgain) {
    const TestFolder folder;
    fs::create_directory(folder.path() / "store.new");
    write_all(folder.path() / "store.new" / "MANIFEST-000001", "half");
    EXPECT_TRUE(RocksStore::open(folder.path() / "store"));
    EXPECT_FALSE(fs::exists(folder.path() / "store.new"));
}

}  // namespace
}  // namespace carillon
