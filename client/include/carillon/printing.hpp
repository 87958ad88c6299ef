#pragma once

#include "base/result.hpp"
#include "carillon/device_options.hpp"

#include <iosfwd>
#include <string_view>

namespace carillon {

/// `DeviceNotFound: pump-1`, or the name of the code alone where there is no detail.
std::ostream& operator<<(std::ostream& out, const Error& error);

/// As the enumerators are called: `connected`.
std::string_view to_string(ConnectionState state);
std::ostream& operator<<(std::ostream& out, ConnectionState state);

}  // namespace carillon
