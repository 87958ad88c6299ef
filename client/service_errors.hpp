#pragma once

#include "base/result.hpp"

#include <string_view>

namespace carillon {

/// The error that a hub's answer of `status` names: by the `iothub-errorcode` header, else by the
/// body, in any of the service's forms (`ErrorCode:Name;text` in `Message`, `errorCode` and `message`,
/// or the latter as JSON text inside `Message`), else by the status alone. `detail` is the hub's text.
/// Source: azure-iothub: errors.js; azure-iot-sdk-csharp: ExceptionHandlingHelper.cs.
Error service_error(int status, std::string_view header_name, std::string_view body);

/// Fails with `argument_invalid` for an id with which a path would be another route: an empty one, and that
/// of the jobs which is reserved.
Result<> checked_id(std::string_view id);

}  // namespace carillon
