#pragma once

#include "store/store.hpp"
#include "store/store_files.hpp"

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>

namespace carillon {

/// A store as its files are at this moment, for whoever only looks. It changes no file, makes none and holds no
/// lock. It keeps every file open, so it goes on giving what it was opened on when another process opens the
/// store to write.
class ReadOnlyStore final : public Store {
public:
    /// Looks at every file as `RocksStore::open` does. Fails with `not_found_locally` if there is no store, with
    /// `store_corrupt` if files are damaged or missing, and with `store_failed` if the disk refuses to be read.
    static Result<std::unique_ptr<ReadOnlyStore>> open(const std::filesystem::path& path);
    ReadOnlyStore(const ReadOnlyStore&) = delete;
    ReadOnlyStore& operator=(const ReadOnlyStore&) = delete;

    /// Fails with `operation_not_allowed_in_current_state`. Before `loaded` a batch that only removes passes, and
    /// nothing comes of it: a hub that loads tidies up rows that it has passed over.
    Result<> commit(const Batch& batch) override;
    Result<std::optional<std::string>> get(Table table, std::string_view key) const override;
    Result<> scan(Table table, std::string_view from, std::string_view to, const Visit& visit) const override;

    /// Refuses every batch from here on.
    void loaded() { is_loaded_ = true; }

private:
    explicit ReadOnlyStore(std::unique_ptr<StoreReader> reader);

    const std::unique_ptr<StoreReader> reader_;
    /// By `Table`; null for one that a later version than wrote the store has added.
    std::array<rocksdb::ColumnFamilyHandle*, table_count> families_{};
    std::atomic<bool> is_loaded_ = false;
};

}  // namespace carillon
