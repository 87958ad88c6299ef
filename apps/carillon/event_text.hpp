#pragma once

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

#include <set>
#include <string>
#include <string_view>

namespace carillon {

/// Which parts of an event are shown besides its time, device and body. Named as by `az iot hub monitor-events`.
enum class EventPart { annotations, application, system };

/// `anno`, `app`, `sys` or `all`; several separated by commas. Fails with `config_invalid`.
Result<std::set<EventPart>> parse_event_parts(std::string_view text);

/// An event of the hub (`Event` in openapi.json) as lines for people, ended by a line end: when, from whom
/// and what, then the parts that are wanted. Control characters are shown as escapes.
std::string event_text(JsonValue event, const std::set<EventPart>& parts);

/// Where to begin as the hub reads it: `earliest`, `latest` and times stay, and `10m`, `2h`, `1d` or `30s`
/// become the time so long before `now`. Fails with `config_invalid`.
Result<std::string> event_start_argument(std::string_view text, WallTime now);

}  // namespace carillon
