#include "endpoint/blob/directory_blobs.hpp"

#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace carillon {
namespace {

namespace fs = std::filesystem;

class DirectoryBlobsTest : public ::testing::Test {
protected:
    DirectoryBlobsTest() {
        std::string name = (fs::temp_directory_path() / "carillon-blobs-XXXXXX").string();
        CARILLON_ASSERT(::mkdtemp(name.data()) != nullptr);
        base_ = name;
        root_ = base_ / "root";
    }
    ~DirectoryBlobsTest() override { fs::remove_all(base_); }

    Result<> put(std::string_view directory, std::string_view name, std::string_view bytes) {
        auto writer = DirectoryBlobs(root_.string()).create(directory, name);
        if (!writer) return fail(std::move(writer).error());
        if (auto written = (*writer)->write(bytes); !written) return written;
        return (*writer)->finish();
    }
    Result<std::string> get(std::string_view directory, std::string_view name, std::uint64_t offset = 0) {
        auto reader = DirectoryBlobs(root_.string()).open(directory, name, offset);
        if (!reader) return fail(std::move(reader).error());
        return (*reader)->read(1000);
    }

    fs::path base_;
    fs::path root_;
};

TEST_F(DirectoryBlobsTest, WritesAndReadsBelowItsRoot) {
    ASSERT_TRUE(put("a/b", "devices.txt", "hello"));
    EXPECT_EQ(*get("a/b", "devices.txt"), "hello");
    EXPECT_EQ(*get((root_ / "a/b").string(), "devices.txt", 3), "lo");
    ASSERT_TRUE(put(root_.string(), "x", "at the root itself"));
    EXPECT_EQ(*get(".", "x"), "at the root itself");
    EXPECT_EQ(fs::status(root_ / "a/b/devices.txt").permissions(), fs::perms(0600)) << "keys are in it";
}

TEST_F(DirectoryBlobsTest, ABlobAppearsWhenItIsFinished) {
    ASSERT_TRUE(put("a", "x", "old"));
    {
        auto writer = DirectoryBlobs(root_.string()).create("a", "x");
        ASSERT_TRUE(writer);
        ASSERT_TRUE((*writer)->write("new"));
        EXPECT_EQ(*get("a", "x"), "old");
    }
    EXPECT_EQ(*get("a", "x"), "old") << "given up";
    EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "a"), fs::directory_iterator()), 1);
}

TEST_F(DirectoryBlobsTest, AVersionTellsAChangedBlob) {
    ASSERT_TRUE(put("a", "x", "1"));
    const auto first = (*DirectoryBlobs(root_.string()).open("a", "x", 0))->version();
    EXPECT_EQ((*DirectoryBlobs(root_.string()).open("a", "x", 0))->version(), first);
    ASSERT_TRUE(put("a", "x", "2"));
    EXPECT_NE((*DirectoryBlobs(root_.string()).open("a", "x", 0))->version(), first);
}

TEST_F(DirectoryBlobsTest, NothingOutsideTheRootIsReached) {
    ASSERT_TRUE(put("a", "x", "inside"));
    fs::create_directories(base_ / "outside");
    std::ofstream(base_ / "outside/secret") << "secret";
    fs::create_directory_symlink(base_ / "outside", root_ / "link");
    fs::create_symlink(base_ / "outside/secret", root_ / "a/secret");
    fs::create_directories(base_ / "rootling");
    const std::string root = root_.string();
    struct Case {
        std::string directory;
        std::string name;
    };
    for (const Case& c :
         {Case{"../outside", "secret"}, Case{"a/../../outside", "secret"}, Case{"a", "../../outside/secret"},
          Case{(base_ / "outside").string(), "secret"}, Case{"/", "etc/hostname"},
          Case{root + "/../outside", "secret"}, Case{root + "ling", "secret"}, Case{"link", "secret"},
          Case{root + "/link", "secret"}, Case{"a", "secret"}, Case{"a", "/etc/hostname"}, Case{"", ""},
          Case{"a", ""}, Case{"a", "."}, Case{"a", ".."}}) {
        for (const auto& refused : {get(c.directory, c.name)}) {
            ASSERT_FALSE(refused) << c.directory << " " << c.name;
            EXPECT_EQ(refused.error().code, Errc::blob_container_validation_error)
                << c.directory << " " << c.name;
        }
    }
    for (const Case& c :
         {Case{"../outside", "new"}, Case{"link", "new"}, Case{(base_ / "outside").string(), "new"}}) {
        EXPECT_FALSE(put(c.directory, c.name, "x")) << c.directory;
    }
    EXPECT_FALSE(fs::exists(base_ / "outside/new"));
    // A link in the place of a blob is replaced, not followed.
    ASSERT_TRUE(put("a", "secret", "mine"));
    std::string kept;
    std::ifstream(base_ / "outside/secret") >> kept;
    EXPECT_EQ(kept, "secret");
}

TEST_F(DirectoryBlobsTest, RefusesWhatIsNotAPlainFile) {
    ASSERT_TRUE(put("a/b", "x", "1"));
    EXPECT_FALSE(get("a", "b"));
    EXPECT_FALSE(get("a/b", "y"));
    EXPECT_FALSE(get("a/b/x", "y"));
}

}  // namespace
}  // namespace carillon
