#pragma once

#include <cstdint>
#include <string_view>

namespace carillon {

/// How a write-ahead log of RocksDB ends.
enum class LogEnd : std::uint8_t {
    whole,    ///< With a whole record.
    torn,     ///< With a record that was being written: a killed process, a power cut.
    damaged,  ///< A bad record has a good one behind it, so it was whole once.
};

struct LogReading {
    LogEnd end = LogEnd::whole;
    std::uint64_t bytes = 0;  ///< Up to the end of the last whole record before the first bad one.
};

/// Reads the records of a log from the offset `from` on, where one begins; `tail` is what the file
/// holds from there. One sync follows every record, so at most the last may be unfinished.
/// Source: RocksDB wiki, "Write Ahead Log File Format".
LogReading read_log_end(std::string_view tail, std::uint64_t from);

}  // namespace carillon
