#include "core/messages/files/file_store.hpp"

#include "core/messages/files/file_name.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace carillon {
namespace {

namespace fs = std::filesystem;

const DeviceId device = *DeviceId::parse("pump-1");

class FileStoreTest : public ::testing::Test {
protected:
    FileStoreTest()
        : root((fs::temp_directory_path() / ("carillon-files-" + std::to_string(::getpid()))).string()) {
        fs::remove_all(root);
        limits.file_bytes_max = 10'000;
        limits.device_bytes_max = 40'000;
        limits.hub_bytes_max = 50'000;
    }
    ~FileStoreTest() override { fs::remove_all(root); }

    std::shared_ptr<FileStore> opened(const FileStore::Owners& owners = {}) {
        auto store = std::make_shared<FileStore>(root, limits, clock);
        EXPECT_TRUE(store->open(owners));
        return store;
    }
    static Result<> put(FileStore& store, std::string_view name, std::string_view bytes,
                        const DeviceId& whose = device) {
        const auto part = store.begin_file("u", whose, name);
        if (!part) return fail(part.error());
        if (auto written = (*part)->write(bytes); !written) return written;
        return (*part)->finish();
    }
    static Result<> put_block(FileStore& store, std::string_view id, std::string_view bytes) {
        const auto part = store.begin_block("u", device, id);
        if (!part) return fail(part.error());
        if (auto written = (*part)->write(bytes); !written) return written;
        return (*part)->finish();
    }
    std::string content(const FileStore& store, std::string_view name) const {
        std::ifstream file(store.path_of(device, name));
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }

    std::string root;
    FileLimits limits;
    ManualClock clock{WallTime::from_unix_s(1'790'000'000)};
};

TEST_F(FileStoreTest, WholeFilesThatArePassedOnLieByTheirUploadAndCount) {
    const auto by_upload = [this](const FileStore::Owners& owners) {
        auto store = std::make_shared<FileStore>(root, limits, clock, FileStore::Layout::by_upload);
        EXPECT_TRUE(store->open(owners));
        return store;
    };
    auto store = by_upload({});
    ASSERT_TRUE(put_block(*store, "1", "under way"));
    ASSERT_TRUE(put(*store, "logs/a.txt", "1234567"));
    EXPECT_EQ(store->find("u", device, "logs/a.txt")->bytes, 7U);
    EXPECT_FALSE(store->find("v", device, "logs/a.txt"));
    EXPECT_TRUE(store->list(device).files.empty());
    store->discard("u", device);
    EXPECT_EQ(store->bytes(), 7 + FileLimits::file_overhead_bytes);
    // A start keeps those that have a record.
    store = by_upload({{"u", device}});
    EXPECT_EQ(store->bytes(), 7 + FileLimits::file_overhead_bytes);
    EXPECT_TRUE(store->find("u", device, "logs/a.txt"));
    store->drop("u", device);
    EXPECT_EQ(store->bytes(), 0U);
    EXPECT_FALSE(store->find("u", device, "logs/a.txt"));
    ASSERT_TRUE(put(*store, "logs/a.txt", "1234567"));
    store = by_upload({});
    EXPECT_EQ(store->bytes(), 0U);
    EXPECT_FALSE(store->find("u", device, "logs/a.txt"));
}

TEST_F(FileStoreTest, ListsTheFilesOfADeviceTheNewestFirst) {
    const auto store = opened();
    EXPECT_TRUE(store->list(device).files.empty());
    for (const char* name : {"b", "logs/2026/a b.txt", "c"}) ASSERT_TRUE(put(*store, name, "123"));
    ASSERT_TRUE(put(*store, "theirs", "1", *DeviceId::parse("pump-2")));
    ASSERT_TRUE(put_block(*store, "1", "under way"));
    // What people have put there, or linked.
    fs::create_symlink("/etc/passwd", store->path_of(device, "link"));
    std::ofstream(store->path_of(device, "bad\xFF")) << "x";
    const auto at = [&](const char* name, int s) {
        fs::last_write_time(store->path_of(device, name), fs::file_time_type(std::chrono::seconds(s)));
    };
    at("b", 1'000);
    at("logs/2026/a b.txt", 3'000);
    at("c", 2'000);
    const FileStore::List list = store->list(device);
    EXPECT_TRUE(list.is_whole);
    std::string names;
    for (const auto& file : list.files) {
        names += file.name + ';';
        EXPECT_EQ(file.info.bytes, 3U);
    }
    EXPECT_EQ(names, "logs/2026/a b.txt;c;b;");
    limits.device_bytes_max = limits.hub_bytes_max = 1ULL << 40;
    const auto larger = opened();
    for (std::size_t i = 0; i <= FileStore::listed_max; ++i) {
        std::ofstream(larger->path_of(device, std::to_string(i))) << i;
    }
    EXPECT_EQ(larger->list(device).files.size(), FileStore::listed_max);
    EXPECT_FALSE(larger->list(device).is_whole);
}

TEST(FileName, StaysInTheDirectoryOfItsDevice) {
    for (const char* name : {"a", "a.txt", "logs/2026/a b.txt", "...", "a/..b", "\xC3\xA9"}) {
        EXPECT_TRUE(check_file_name(name)) << name;
    }
    for (const std::string& name :
         {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."),
          std::string(".."), std::string("../a"), std::string("a/../b"), std::string("a/./b"),
          std::string("a\0b", 3), std::string("a\nb"), std::string("\xFF"), std::string(256, 'a'),
          std::string(1025, 'a')}) {
        EXPECT_FALSE(check_file_name(name)) << name;
    }
    EXPECT_EQ(file_directory(*DeviceId::parse("pump-1")), "pump-1");
    EXPECT_EQ(file_directory(*DeviceId::parse("..")), "%2E%2E");
    EXPECT_EQ(file_directory(*DeviceId::parse(".")), "%2E");
    EXPECT_EQ(file_directory(*DeviceId::parse("%2E")), "%252E");
}

TEST_F(FileStoreTest, AFileIsThereWhenItIsWhole) {
    const auto held = opened();
    FileStore& store = *held;
    const auto part = store.begin_file("u", device, "logs/a.txt");
    ASSERT_TRUE(part);
    ASSERT_TRUE((*part)->write("one "));
    EXPECT_FALSE(store.find("u", device, "logs/a.txt"));
    ASSERT_TRUE((*part)->write("two"));
    ASSERT_TRUE((*part)->finish());
    EXPECT_EQ(content(store, "logs/a.txt"), "one two");
    EXPECT_EQ(store.find("u", device, "logs/a.txt")->bytes, 7U);
    ASSERT_TRUE(put(store, "logs/a.txt", "another"));
    EXPECT_EQ(content(store, "logs/a.txt"), "another");
    EXPECT_FALSE(put(store, "logs/a.txt/b", "below a file"));
    EXPECT_FALSE(put(store, "logs", "in place of a directory"));
}

TEST_F(FileStoreTest, BlocksMakeAFileInTheOrderOfTheList) {
    const auto held = opened();
    FileStore& store = *held;
    ASSERT_TRUE(put_block(store, "b", "2"));
    ASSERT_TRUE(put_block(store, "a", "1"));
    ASSERT_TRUE(put_block(store, "a", "one"));
    EXPECT_FALSE(store.join("u", device, "f", {"a", "none"}));
    EXPECT_FALSE(store.find("u", device, "f"));
    ASSERT_TRUE(store.join("u", device, "f", {"a", "b", "a"}));
    EXPECT_EQ(content(store, "f"), "one2one");
    store.discard("u", device);
    EXPECT_TRUE(fs::is_empty(root + "/staging"));
    EXPECT_EQ(store.bytes(), 7 + FileLimits::file_overhead_bytes);
}

TEST_F(FileStoreTest, BytesAreBoundedForAFileADeviceAndTheHub) {
    const auto held = opened();
    FileStore& store = *held;
    const std::string much(10'000, 'x');
    const auto too_large = put(store, "large", much + "x");
    ASSERT_FALSE(too_large);
    EXPECT_EQ(too_large.error().code, Errc::iot_hub_quota_exceeded);
    EXPECT_EQ(store.bytes(), 0U) << "what is not finished counts no more";
    ASSERT_TRUE(put(store, "1", much));
    ASSERT_TRUE(put(store, "2", much));
    EXPECT_FALSE(put(store, "3", much)) << "of the device";
    const DeviceId other = *DeviceId::parse("pump-2");
    ASSERT_TRUE(put(store, "1", much, other));
    EXPECT_FALSE(put(store, "2", much, other)) << "of the hub";
    EXPECT_EQ(store.bytes(), 3 * (much.size() + FileLimits::file_overhead_bytes));
}

TEST_F(FileStoreTest, RoomThatPeopleMakeIsFoundWithinAMinute) {
    const auto held = opened();
    FileStore& store = *held;
    const std::string much(10'000, 'x');
    ASSERT_TRUE(put(store, "1", much));
    ASSERT_TRUE(put(store, "2", much));
    fs::remove(store.path_of(device, "1"));
    EXPECT_FALSE(put(store, "3", much));
    clock.advance(FileStore::between_counts);
    EXPECT_TRUE(put(store, "3", much));
    EXPECT_EQ(store.bytes(), 2 * (much.size() + FileLimits::file_overhead_bytes));
}

TEST_F(FileStoreTest, AStartCountsTheFilesAndRemovesThoseWithoutAnUpload) {
    {
        const auto held = opened();
        FileStore& store = *held;
        ASSERT_TRUE(put(store, "f", "1234"));
        ASSERT_TRUE(put_block(store, "a", "12"));
        const auto lost = store.begin_block("old", device, "a");
        ASSERT_TRUE(lost);
        ASSERT_TRUE((*lost)->finish());
    }
    {
        const auto held = opened({{"u", device}});
        FileStore& store = *held;
        EXPECT_EQ(store.bytes(), 6 + 2 * FileLimits::file_overhead_bytes);
        EXPECT_FALSE(fs::exists(root + "/staging/old"));
        ASSERT_TRUE(store.join("u", device, "g", {"a"}));
        store.discard("u", device);
        EXPECT_EQ(store.bytes(), 6 + 2 * FileLimits::file_overhead_bytes);
    }
}

}  // namespace
}  // namespace carillon
