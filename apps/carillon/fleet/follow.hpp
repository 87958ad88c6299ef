#pragma once

#include "base/json.hpp"

#include <cstdint>
#include <string>

namespace carillon::fleet {

/// What a device does with desired properties that it receives.
enum class Following : std::uint8_t { rightly, wrongly, never };

/// What a device that follows reports after it received `desired` at `version`: each value at the same
/// path; what is removed is removed. Names that begin with `$` are left out. `wrongly`: another value in
/// place of each. With `acknowledges` each value is reported as `{"value":…,"ac":200,"av":version,"ad":""}`;
/// `wrongly`, as it is with `ac` 500. Empty if there is nothing to report. Recursive, to the depth that the
/// parser allows. Source: IoT Plug and Play conventions, "Writable properties".
std::string following_json(const JsonValue& desired, std::int64_t version, Following how, bool acknowledges);

}  // namespace carillon::fleet
