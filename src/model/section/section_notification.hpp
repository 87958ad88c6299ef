#pragma once

// What a device is told about a write to its desired properties; internal to the model.

#include "base/bytes.hpp"

#include <string>

namespace carillon {

struct PatchTree;

/// Appends the patch less its nulls for keys that `before` has not, as `{…}`. All but ASCII is escaped.
/// Source: azure-iot-sdk-node#64.
void append_merge_notification(std::string& out, Bytes before, const PatchTree& patch);

/// Appends the content of `after` plus a null for each key of `before` that is gone, at its place; a
/// vanished object is one null. All but ASCII is escaped. Source: azure-iot-sdk-csharp#954.
void append_replace_notification(std::string& out, Bytes before, Bytes after);

}  // namespace carillon
