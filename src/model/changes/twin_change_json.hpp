#pragma once

#include "model/twin.hpp"

#include <string>

namespace carillon {

/// Appends what the newest write of a section has written, as the patch that leads from `before` to `after`:
/// the members that it wrote, also with equal values, and a null for each that it deleted. `full` adds
/// `$metadata` of those members and `$version`. `after` is one write younger than `before`.
void append_section_change(std::string& out, const Section& before, const Section& after, SectionForm form);

/// The body of an event of a twin that was patched: its version, and what was written of each section.
/// Source: IoT Hub docs, "Azure IoT Hub non-telemetry event schemas", device twin change events.
std::string twin_update_json(const Twin& before, const Twin& after);
/// The body of an event of a twin that was made, replaced or removed: ids, etag, version and all sections.
/// Source: as above, device lifecycle events.
std::string whole_twin_json(const IdentityKey& key, const Twin& twin);

}  // namespace carillon
