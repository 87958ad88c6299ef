#include "store/store_check.hpp"

#include "store/crc32c.hpp"
#include "store/store_files.hpp"

#include <fmt/core.h>
#include <rocksdb/db.h>
#include <rocksdb/file_system.h>
#include <limits>

namespace carillon {
namespace {

/// Reads every row; RocksDB holds each block to its checksum.
void read_rows(StoreReader& reader, std::size_t table, StoreReport& report) {
    rocksdb::ColumnFamilyHandle* const family = reader.find_family(table_names[table]);
    if (family == nullptr) return;  // Added by a later version than wrote the store.
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    StoreReport::Rows& rows = report.tables[table];
    const std::unique_ptr<rocksdb::Iterator> at(reader.db().NewIterator(options, family));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
        ++rows.count;
        for (const rocksdb::Slice& part : {at->key(), at->value()}) {
            rows.bytes += part.size();
            rows.checksum = crc32c(rows.checksum, part.ToStringView());
        }
    }
    if (!at->status().ok()) {
        report.damages.push_back(
            fmt::format("table {} cannot be read: {}", table_names[table], at->status().ToString()));
    }
}

}  // namespace

Result<StoreReport> check_store(const std::filesystem::path& path) {
    const auto files = rocksdb::FileSystem::Default();
    ExamineLimits limits;
    limits.message_bytes_max = std::numeric_limits<std::uint64_t>::max();
    auto found = examine_store(files, path, limits);
    if (!found) return fail(std::move(found).error());
    if (found->is_new) return fail(Errc::not_found_locally, "there is no store in " + path.string());
    StoreReport report;
    report.files = found->count;
    report.bytes = found->bytes;
    report.has_ledger = found->has_ledger;
    report.damages = std::move(found->damages);
    if (!report.damages.empty()) return report;
    auto reader = StoreReader::open(cut_logs(files, found->log_ends), path, Logs::shown);
    if (!reader) {
        report.damages.push_back(reader.error().detail);
        return report;
    }
    const std::uint64_t sequence = (*reader)->db().GetLatestSequenceNumber();
    if (sequence < found->entries.sequence) {
        report.damages.push_back(fmt::format("{} ends at the change {}, but {} was acknowledged",
                                             path.string(), sequence, found->entries.sequence));
    }
    for (std::size_t table = 0; table < table_count; ++table) read_rows(**reader, table, report);
    return report;
}

}  // namespace carillon
