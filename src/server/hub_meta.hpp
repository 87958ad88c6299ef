#pragma once

#include "base/random.hpp"
#include "base/result.hpp"
#include "model/identity.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <string>

namespace carillon {

/// What is settled when a hub is made, in the `meta` table; docs/storage.md has the keys.
struct HubMeta {
    std::size_t shard_count = 1;
    std::string token_key;  ///< Secret: signs continuation tokens.
    bool is_new = false;    ///< Made just now.
};

/// Reads it; an empty store gets the largest power of two of shards that `hardware_threads` covers
/// (at most 32) and a random key, and one of an older format gets ours. Fails with `store_corrupt`, and as
/// `check_stored_format` does.
Result<HubMeta> load_or_create_meta(Store& store, Random& random, std::size_t hardware_threads);

/// Fails with `store_failed` if the store was written by a later program, and says what to do; with
/// `store_corrupt` if it does not say by which. An empty store passes.
Result<> check_stored_format(const Store& store);

/// An identity as stored, for commands that read a hub's folder while it does not run. Fails with
/// `device_not_found`, `store_failed` or `store_corrupt`.
Result<Identity> read_stored_identity(const Store& store, const HubMeta& meta, const IdentityKey& key);

}  // namespace carillon
