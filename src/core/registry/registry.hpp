#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "core/port/shard_port.hpp"

#include <string>
#include <vector>

namespace carillon {

/// Device and module identities with their twins, as back ends see them, whichever shard they live on. Any
/// thread. Errors name no identity: `device_not_found` or `module_not_found`, whichever is missing.
/// Everything fails with `service_unavailable` where a shard cannot be asked.
class Registry {
public:
    explicit Registry(ShardPort& port) : port_(port) {}

    /// Fails with `device_not_found`, `module_not_found`.
    Task<Result<FoundRow>> find(IdentityKey key);
    /// The first `count` devices, no modules, by id; shards look at the same time and in slices.
    Task<Result<std::vector<FoundRow>>> list_devices(std::size_t count);
    /// The modules of a device by id. Fails with `device_not_found`.
    Task<Result<std::vector<FoundRow>>> list_modules(IdentityKey device);
    /// Counts all devices; shards look at the same time and in slices.
    Task<Result<DeviceCounts>> count_devices();

    /// As `Shard::put_identity`, with what is known of the identity's connection. Fails with
    /// `invalid_device_scope` if it puts a device under an edge device that does not exist.
    Task<Result<FoundRow>> put(IdentityKey key, std::string body, EtagMatch match);
    /// As `Shard::remove_identity`.
    Task<Result<>> remove(IdentityKey key, EtagMatch match);
    /// As `Shard::regenerate_keys`.
    Task<Result<FoundRow>> regenerate_keys(IdentityKey key, Shard::KeyChoice choice);
    /// As `Shard::write_twin`. Fails with `system_module_modify_unauthorized` for a system module.
    Task<Result<FoundRow>> write_twin(IdentityKey key, Shard::TwinWrite kind, TwinPatch patch,
                                      EtagMatch match);
    /// Carries entries out, on all shards at once and on each in their order; what became of each. Entries of
    /// one shard share a commit. Errors as of `put` and `Shard::apply_entries`.
    Task<std::vector<Result<>>> apply(std::vector<ImportEntry> entries);
    /// Calls a direct method; as `Methods::invoke`.
    Task<Result<MethodAnswer>> invoke_method(IdentityKey key, MethodCall call);

private:
    /// Fails with `invalid_device_scope` if one of the scopes is of no edge device, and not the device's
    /// already.
    Task<Result<>> check_parents(IdentityKey key, std::vector<std::string> scopes);

    ShardPort& port_;
};

}  // namespace carillon
