#include "store/file_ledger.hpp"
#include "store/store_test_util.hpp"

#include <gtest/gtest.h>
#include <rocksdb/file_system.h>

namespace carillon {
namespace {

LedgerEntries some_entries() {
    LedgerEntries entries;
    entries.identity = "5c1a";
    entries.sequence = 41;
    entries.manifest = FileClaim{.number = 5, .bytes = 1000, .checksum = 0xABCD};
    entries.logs = {{.number = 7, .bytes = 90, .checksum = 1}, {.number = 8, .bytes = 10, .checksum = 2}};
    return entries;
}

/// A ledger file with `newer` in one slot and `older` in the other.
std::string file_of(const std::string& older, const std::string& newer) {
    std::string file = older;
    file.resize(ledger_slot_bytes);
    file += newer;
    file.resize(2 * ledger_slot_bytes);
    return file;
}

TEST(Ledger, TheNewerOfTwoSlotsCounts) {
    LedgerEntries newer = some_entries();
    newer.sequence = 42;
    const std::string one = encode_ledger(some_entries(), 8);
    const std::string two = encode_ledger(newer, 9);
    for (const std::string& file : {file_of(one, two), file_of(two, one)}) {
        const auto decoded = decode_ledger(file);
        ASSERT_TRUE(decoded);
        EXPECT_EQ(decoded->edition, 9U);
        EXPECT_EQ(decoded->entries.sequence, 42U);
        EXPECT_EQ(decoded->entries.identity, "5c1a");
        EXPECT_EQ(decoded->entries.manifest->checksum, 0xABCDU);
        EXPECT_FALSE(decoded->entries.next_manifest);
        ASSERT_EQ(decoded->entries.logs.size(), 2U);
        EXPECT_EQ(decoded->entries.logs[1].number, 8U);
    }
}

TEST(Ledger, ASlotDamagedAnywhereIsNotBelieved) {
    const std::string older = encode_ledger(some_entries(), 8);
    const std::string newer = encode_ledger(some_entries(), 9);
    for (std::size_t at = 0; at < newer.size(); ++at) {
        std::string damaged = newer;
        damaged[at] ^= 0x20;
        const auto decoded = decode_ledger(file_of(older, damaged));
        ASSERT_TRUE(decoded) << at;
        EXPECT_EQ(decoded->edition, 8U) << at;
        EXPECT_FALSE(decode_ledger(damaged)) << at;
        EXPECT_FALSE(decode_ledger(newer.substr(0, at))) << at;
    }
}

TEST(Ledger, TheGreatestOneFitsItsSlot) {
    LedgerEntries entries = some_entries();
    entries.identity.assign(64, 'i');
    entries.next_manifest = entries.manifest;
    entries.logs.assign(ledger_logs_max, FileClaim{.number = ~0ULL, .bytes = ~0ULL, .checksum = ~0U});
    EXPECT_LE(encode_ledger(entries, ~0ULL).size(), ledger_slot_bytes);
}

TEST(Ledger, HoldsWhatWasSyncedOnceItIsAcknowledged) {
    const TestFolder folder;
    const std::string path = (folder.path() / "store.ledger").string();
    rocksdb::FileSystem& files = *rocksdb::FileSystem::Default();
    const auto ledger = FileLedger::open(files, path, {}, 0);
    ASSERT_TRUE(ledger);
    const auto written = [&] {
        std::string bytes;
        EXPECT_TRUE(rocksdb::ReadFileToString(&files, path, &bytes).ok());
        return decode_ledger(bytes)->entries;
    };
    (*ledger)->log_synced({.number = 7, .bytes = 90, .checksum = 1});
    (*ledger)->log_synced({.number = 7, .bytes = 95, .checksum = 3});
    EXPECT_TRUE(written().logs.empty());
    (*ledger)->acknowledge(17);
    ASSERT_EQ(written().logs.size(), 1U);
    EXPECT_EQ(written().logs[0].bytes, 95U);
    EXPECT_EQ(written().sequence, 17U);
    ASSERT_TRUE((*ledger)->before_log_removal(7).ok());
    EXPECT_TRUE(written().logs.empty());
}

TEST(Ledger, NamesBothManifestsWhileCurrentMayNameEither) {
    const TestFolder folder;
    const std::string path = (folder.path() / "store.ledger").string();
    rocksdb::FileSystem& files = *rocksdb::FileSystem::Default();
    const auto ledger = FileLedger::open(files, path, some_entries(), 0);
    ASSERT_TRUE(ledger);
    const auto written = [&] {
        std::string bytes;
        EXPECT_TRUE(rocksdb::ReadFileToString(&files, path, &bytes).ok());
        return decode_ledger(bytes)->entries;
    };
    (*ledger)->manifest_synced({.number = 9, .bytes = 50, .checksum = 4});
    ASSERT_TRUE((*ledger)->before_switch_to(9).ok());
    EXPECT_EQ(written().manifest->number, 5U);
    EXPECT_EQ(written().next_manifest->number, 9U);
    EXPECT_EQ(written().next_manifest->bytes, 50U);
    (*ledger)->after_switch();
    ASSERT_TRUE((*ledger)->before_manifest_removal(5).ok());
    EXPECT_EQ(written().manifest->number, 9U);
    EXPECT_FALSE(written().next_manifest);
}

}  // namespace
}  // namespace carillon
