#pragma once

#include "base/json.hpp"
#include "base/task.hpp"
#include "core/shard/shard.hpp"
#include "model/configuration_content.hpp"

#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// What a single deployment gives to one twin of a device.
struct SingleDeployment {
    IdentityKey twin;                ///< The device, or a module, which is made if it is not there.
    ConfigurationSettings settings;  ///< One for all desired properties replaces them.
};

/// Reads the body of `applyConfigurationContent` for `device`: `modulesContent`, by module, or
/// `deviceContent`. Fails with `invalid_configuration_content`, or with `argument_invalid` for an id that no
/// module may have. Source: azure-iot-hub-python: service.json.
Result<std::vector<SingleDeployment>> read_single_deployment(const IdentityKey& device, JsonValue body);

/// Carries out these orders for `device`, one after the other, each durably; nothing but desired properties
/// changes. On the shard's thread. Fails with `device_not_found`, with `argument_invalid` for a device that
/// is not an edge device, and as `Shard::make_module` and `Shard::write_twin` do; what came before is done
/// then, and repeating it is harmless.
Task<Result<>> apply_single_deployment(Shard* shard, IdentityKey device,
                                       std::vector<SingleDeployment> orders);

}  // namespace carillon
