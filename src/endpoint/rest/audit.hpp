#pragma once

#include "base/device_id.hpp"
#include "base/task.hpp"
#include "core/hub/audit_log.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/routes.hpp"
#include "model/identity.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace carillon::rest {

/// The one identity whose document a change is about; nothing for changes of other things, of many, or where
/// the path names none that can be.
std::optional<IdentityKey> audited_identity(const Route& route, const Request& request);
/// The SHA-256 of an identity with its twin, as stored; empty if there is none.
Task<std::string> hash_identity(Hub& hub, IdentityKey key);
/// Who asked for what.
void describe_change(AuditEntry& entry, const Route& route, const Request& request, std::size_t id_count);

}  // namespace carillon::rest
