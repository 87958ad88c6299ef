#pragma once

#include "base/result.hpp"
#include "server/data_dir.hpp"
#include "store/read_only_store.hpp"
#include "store/rocks_store.hpp"

#include <filesystem>
#include <memory>

namespace carillon {

/// Fails with `store_corrupt` if there is no store although `hub.json` says that a hub has run: the store's
/// disk may not be mounted, and a new, empty hub with new keys would take its place.
Result<> check_store_is_there(const std::filesystem::path& data_dir);

/// Opens the hub's store, or makes one if no hub has run, and says in the file `format` that this program
/// did. Fails as `check_store_is_there`, `check_format_file` and `RocksStore::open` do, and has then changed
/// nothing.
Result<std::unique_ptr<RocksStore>> open_hub_store(const DataDir& data_dir, const RocksOptions& options = {});

/// Opens the store of a hub that has run, to look at it; changes nothing. Fails with `config_invalid` if none has
/// run there, else likewise.
Result<std::unique_ptr<ReadOnlyStore>> open_hub_store_to_read(const DataDir& data_dir);

}  // namespace carillon
