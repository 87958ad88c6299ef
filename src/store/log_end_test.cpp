#include "store/log_end.hpp"

#include "store/crc32c.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <string>

namespace carillon {
namespace {

constexpr std::size_t block_bytes = 32 * 1024;
constexpr std::size_t header_bytes = 7;

/// Appends a record as RocksDB's log writer does.
void append_record(std::string& log, std::string_view record) {
    bool is_first = true;
    do {
        const std::size_t left = block_bytes - log.size() % block_bytes;
        if (left < header_bytes) {
            log.append(left, '\0');
            continue;
        }
        const std::size_t size = std::min(record.size(), left - header_bytes);
        const bool is_last = size == record.size();
        const char type = static_cast<char>(is_first ? (is_last ? 1 : 2) : (is_last ? 4 : 3));
        std::string body(1, type);
        body += record.substr(0, size);
        const std::uint32_t crc = crc32c(0, body);
        const std::uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
        for (int i = 0; i < 4; ++i) log += static_cast<char>(masked >> (8 * i));
        log += static_cast<char>(size & 0xFF);
        log += static_cast<char>(size >> 8);
        log += body;
        record.remove_prefix(size);
        is_first = false;
        if (is_last) return;
    } while (true);
}

struct Log {
    std::string bytes;
    std::size_t before_last = 0;  ///< Where the last record begins.
};

/// Three records over several blocks, the last of `last` bytes.
Log some_log(std::size_t last) {
    Log log;
    append_record(log.bytes, std::string(1000, 'a'));
    append_record(log.bytes, std::string(70'000, 'b'));
    log.before_last = log.bytes.size();
    append_record(log.bytes, std::string(last, 'c'));
    return log;
}

TEST(ReadLogEnd, AWholeLogEndsWhereItsLastRecordDoes) {
    const Log log = some_log(80'000);
    const LogReading reading = read_log_end(log.bytes, 0);
    EXPECT_EQ(reading.end, LogEnd::whole);
    EXPECT_EQ(reading.bytes, log.bytes.size());
    EXPECT_EQ(read_log_end("", 0).end, LogEnd::whole);
}

TEST(ReadLogEnd, ALogCutAnywhereInItsLastRecordIsTorn) {
    const Log log = some_log(40'000);
    for (std::size_t cut = log.before_last + 1; cut < log.bytes.size(); cut += 97) {
        const LogReading reading = read_log_end(std::string_view(log.bytes).substr(0, cut), 0);
        ASSERT_EQ(reading.end, LogEnd::torn) << cut;
        ASSERT_EQ(reading.bytes, log.before_last) << cut;
    }
}

TEST(ReadLogEnd, ALastRecordWithPagesThatNeverReachedTheDiskIsTorn) {
    for (std::size_t lost = 0; lost < 4; ++lost) {
        Log log = some_log(90'000);
        const std::size_t at = log.before_last + lost * 20'000 + 100;
        std::fill_n(log.bytes.begin() + static_cast<std::ptrdiff_t>(at), 4096, '\0');
        const LogReading reading = read_log_end(log.bytes, 0);
        EXPECT_EQ(reading.end, LogEnd::torn) << lost;
        EXPECT_EQ(reading.bytes, log.before_last) << lost;
    }
}

TEST(ReadLogEnd, ABadRecordBeforeAGoodOneIsDamage) {
    const Log log = some_log(50'000);
    for (std::size_t at = 0; at < log.before_last; at += 313) {
        std::string damaged = log.bytes;
        damaged[at] ^= 0x10;
        ASSERT_EQ(read_log_end(damaged, 0).end, LogEnd::damaged) << at;
    }
}

TEST(ReadLogEnd, ReadsOnFromAnOffset) {
    const Log log = some_log(50'000);
    const std::string_view tail = std::string_view(log.bytes).substr(log.before_last);
    EXPECT_EQ(read_log_end(tail, log.before_last).bytes, log.bytes.size());
    EXPECT_EQ(read_log_end(tail.substr(0, 60), log.before_last).end, LogEnd::torn);
    EXPECT_EQ(read_log_end(tail.substr(0, 60), log.before_last).bytes, log.before_last);
}

TEST(ReadLogEnd, BytesOfADeviceThatLookLikeARecordAreNone) {
    std::string planted;
    append_record(planted, "planted");
    Log log = some_log(10);
    const std::size_t before = log.bytes.size();
    append_record(log.bytes, std::string(100, 'x') + planted + std::string(100, 'y'));
    log.bytes[before + 20] ^= 1;
    EXPECT_EQ(read_log_end(log.bytes, 0).end, LogEnd::torn);
}

}  // namespace
}  // namespace carillon
