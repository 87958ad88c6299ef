#include "server/hub_store.hpp"

#include "server/format_file.hpp"
#include "server/hub_file.hpp"
#include "server/hub_meta.hpp"

#include <system_error>

namespace carillon {

Result<> check_store_is_there(const std::filesystem::path& data_dir) {
    const std::filesystem::path store = store_folder(data_dir);
    std::error_code error;
    const bool is_empty = !std::filesystem::exists(store, error) || std::filesystem::is_empty(store, error);
    if (!is_empty || error || !has_hub_file(data_dir)) return {};
    return fail(Errc::store_corrupt,
                store.string() + " is missing or empty, but " + hub_file_path(data_dir).string() +
                    " says that a hub has run here.\nNothing was changed. If the store is on a disk of its "
                    "own, mount that; else restore the whole data directory from\na backup. To begin a new, "
                    "empty hub, remove hub.json.");
}

Result<std::unique_ptr<RocksStore>> open_hub_store(const DataDir& data_dir, const RocksOptions& options) {
    if (auto there = check_store_is_there(data_dir.path()); !there) return fail(std::move(there).error());
    if (auto readable = check_format_file(data_dir.path()); !readable)
        return fail(std::move(readable).error());
    auto store = RocksStore::open(data_dir.store(), options);
    if (!store) return store;
    // Where the file was lost.
    if (auto readable = check_stored_format(**store); !readable) return fail(std::move(readable).error());
    if (auto written = write_format_file(data_dir.path()); !written) return fail(std::move(written).error());
    return store;
}

Result<std::unique_ptr<ReadOnlyStore>> open_hub_store_to_read(const DataDir& data_dir) {
    if (auto there = check_store_is_there(data_dir.path()); !there) return fail(std::move(there).error());
    if (auto readable = check_format_file(data_dir.path()); !readable)
        return fail(std::move(readable).error());
    auto store = ReadOnlyStore::open(data_dir.store());
    if (!store && store.error().code == Errc::not_found_locally) {
        return fail(Errc::config_invalid, "no hub has run on " + data_dir.path().string() +
                                              ": there is nothing to read (--read-only)");
    }
    if (!store) return store;
    if (auto readable = check_stored_format(**store); !readable) return fail(std::move(readable).error());
    return store;
}

}  // namespace carillon
