#include "store/read_only_store.hpp"

#include "store/file_layers.hpp"
#include "store/rocks_reading.hpp"

#include <fmt/core.h>
#include <rocksdb/db.h>
#include <rocksdb/file_system.h>
#include <algorithm>
#include <utility>

namespace carillon {
namespace {

tl::unexpected<Error> not_sound(const std::filesystem::path& path, const std::string& what) {
    return fail(Errc::store_corrupt,
                fmt::format("{}.\nNothing was changed. `carillon store check --data-dir {}` lists what is "
                            "wrong.",
                            what, path.has_parent_path() ? path.parent_path().string() : "."));
}

}  // namespace

Result<std::unique_ptr<ReadOnlyStore>> ReadOnlyStore::open(const std::filesystem::path& path) {
    const auto files = rocksdb::FileSystem::Default();
    auto found = examine_store(files, path);
    if (!found) return fail(std::move(found).error());
    if (found->is_new) return fail(Errc::not_found_locally, "there is no store in " + path.string());
    if (!found->damages.empty()) return not_sound(path, found->damages.front());
    auto reader = StoreReader::open(cut_logs(files, found->log_ends), path, Logs::shown);
    if (!reader) return fail(std::move(reader).error());
    const std::uint64_t sequence = (*reader)->db().GetLatestSequenceNumber();
    if (sequence < found->entries.sequence) {
        return not_sound(path, fmt::format("{} ends at the change {}, but {} was acknowledged", path.string(),
                                           sequence, found->entries.sequence));
    }
    return std::unique_ptr<ReadOnlyStore>(new ReadOnlyStore(*std::move(reader)));
}

ReadOnlyStore::ReadOnlyStore(std::unique_ptr<StoreReader> reader) : reader_(std::move(reader)) {
    for (std::size_t table = 0; table < table_count; ++table) {
        families_[table] = reader_->find_family(table_names[table]);
    }
}

Result<> ReadOnlyStore::commit(const Batch& batch) {
    const auto removes = [](const Batch::Op& op) { return op.kind != Batch::Op::Kind::put; };
    if (!is_loaded_ && std::all_of(batch.ops().begin(), batch.ops().end(), removes)) return {};
    return fail(Errc::operation_not_allowed_in_current_state, "the store is open for reading only");
}

Result<std::optional<std::string>> ReadOnlyStore::get(Table table, std::string_view key) const {
    rocksdb::ColumnFamilyHandle* const family = families_[static_cast<std::size_t>(table)];
    if (family == nullptr) return std::optional<std::string>();
    return read_row(reader_->db(), family, key);
}

Result<> ReadOnlyStore::scan(Table table, std::string_view from, std::string_view to,
                             const Visit& visit) const {
    rocksdb::ColumnFamilyHandle* const family = families_[static_cast<std::size_t>(table)];
    if (family == nullptr) return {};
    return scan_rows(reader_->db(), family, from, to, visit);
}

}  // namespace carillon
