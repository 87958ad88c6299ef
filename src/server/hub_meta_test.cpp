#include "server/hub_meta.hpp"

#include "net/testing.hpp"
#include "server/data_dir.hpp"
#include "server/format_file.hpp"
#include "server/hub_file.hpp"
#include "store/crc32c.hpp"
#include "store/memory_store.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <fstream>

namespace carillon {
namespace {

using testing::TempDir;

TEST(HubMeta, SettlesShardsAndSecretOnceForAll) {
    MemoryStore store;
    SeededRandom random(1);
    const auto made = load_or_create_meta(store, random, 12);
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->is_new);
    EXPECT_EQ(made->shard_count, 8U);
    const auto later = load_or_create_meta(store, random, 2);  // On a smaller machine.
    ASSERT_TRUE(later);
    EXPECT_FALSE(later->is_new);
    EXPECT_EQ(later->shard_count, 8U);
    EXPECT_EQ(later->token_key, made->token_key);
}

TEST(HubMeta, HasAtLeastOneShardAndAtMost32) {
    for (const auto& [threads, shards] :
         {std::pair(0U, 1U), std::pair(1U, 1U), std::pair(3U, 2U), std::pair(500U, 32U)}) {
        MemoryStore store;
        SeededRandom random(1);
        EXPECT_EQ(load_or_create_meta(store, random, threads)->shard_count, shards);
    }
}

TEST(HubMeta, RefusesDataOfAnotherFormatAndDamage) {
    const std::string later = std::to_string(data_format + 1);
    for (const auto& [key, value] : {std::pair("format", later.c_str()), std::pair("format", "x"),
                                     std::pair("shards", "3"), std::pair("shards", "64")}) {
        MemoryStore store;
        SeededRandom random(1);
        ASSERT_TRUE(load_or_create_meta(store, random, 4));
        Batch batch;
        batch.put(Table::meta, key, value);
        ASSERT_TRUE(store.commit(batch));
        const auto meta = load_or_create_meta(store, random, 4);
        ASSERT_FALSE(meta) << key << "=" << value;
        EXPECT_EQ(meta.error().code, value == later ? Errc::store_failed : Errc::store_corrupt);
    }
}

TEST(FormatFile, LetsThisProgramAndNoOlderOnePass) {
    const TempDir dir;
    EXPECT_TRUE(check_format_file(dir.path()));
    ASSERT_TRUE(write_format_file(dir.path()));
    EXPECT_TRUE(check_format_file(dir.path()));
    const std::string said = std::to_string(data_format + 1) + " carillon 99.1";
    std::ofstream(dir.file("format")) << said << fmt::format(" crc32c {:08x}\n", crc32c(0, said));
    const auto later = check_format_file(dir.path());
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().code, Errc::store_failed);
    EXPECT_NE(later.error().detail.find("which carillon 99.1 wrote"), std::string::npos);
    std::ofstream(dir.file("format")) << "9 carillon 0.1 crc32c 00000000\n";
    EXPECT_EQ(check_format_file(dir.path()).error().code, Errc::store_corrupt);
}

TEST(HubFile, ReadsBackWhatItWroteAndKeepsItPrivate) {
    const TempDir dir;
    const auto none = read_hub_file(dir.path());
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::not_found_locally);
    HubFile file;
    file.host_name = "hub.localhost";
    file.address = "127.0.0.9";
    file.https_port = 8443;
    file.mqtts_port = 18883;
    file.ca_file = "/a \"b\"/ca.pem";
    file.policies = {{"iothubowner", "a2V5"}, {"service", "a2V5Mg=="}};
    ASSERT_TRUE(write_hub_file(dir.path(), file));
    struct stat status {};
    ASSERT_EQ(::stat(dir.file("hub.json").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    const auto read = read_hub_file(dir.path());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->host_name, file.host_name);
    EXPECT_EQ(read->address, file.address);
    EXPECT_EQ(read->https_port, 8443);
    EXPECT_EQ(read->mqtts_port, 18883);
    EXPECT_EQ(read->ca_file, file.ca_file);
    ASSERT_NE(read->find_policy("SERVICE"), nullptr);
    EXPECT_EQ(read->find_policy("SERVICE")->primary_key, "a2V5Mg==");
    EXPECT_EQ(read->find_policy("other"), nullptr);
}

TEST(DataDir, BelongsToOneAtATime) {
    const TempDir dir;
    const auto path = dir.path() / "a" / "b";
    {
        const auto first = DataDir::take(path);
        ASSERT_TRUE(first);
        const auto second = DataDir::take(path);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, Errc::store_failed);
        EXPECT_EQ(second.error().detail,
                  "another hub (process " + std::to_string(::getpid()) + ") runs on " + path.string());
    }
    EXPECT_TRUE(DataDir::take(path));
}

}  // namespace
}  // namespace carillon
