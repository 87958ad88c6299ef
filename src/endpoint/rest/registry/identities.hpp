#pragma once

#include "base/device_id.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http/http_message.hpp"

#include <string>
#include <vector>

namespace carillon {
struct FoundRow;
}

namespace carillon::rest {

struct Request;

// What device and module identities have in common; `key` names either. Source: IoT Hub docs,
// "Understand the identity registry in your IoT hub".

Task<Result<HttpResponse>> get_identity(Request& request, IdentityKey key);
Task<Result<HttpResponse>> put_identity(Request& request, IdentityKey key);
Task<Result<HttpResponse>> delete_identity(Request& request, IdentityKey key);

/// An array of identities as they are listed, written as it is read.
HttpResponse ok_identities(std::vector<FoundRow> rows);

/// The error in the words clients know: an unknown device is named by its id, an identity that is
/// there already in a sentence.
Error identity_error(Error error, const IdentityKey& key);

}  // namespace carillon::rest
