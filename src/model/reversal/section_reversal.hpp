#pragma once

#include "model/section/section.hpp"

#include <string>

namespace carillon {

struct ComparablePatch;  // model/section/section_patch.hpp

/// Appends, as a JSON object, what `patch` overwrites in `section`: each leaf that a merge would touch with
/// its value as it is now, and null where there is none; null for a whole object that the merge makes.
/// Appends nothing and answers false if a merge touches no leaf.
bool append_overwritten(std::string& out, const Section& section, const ComparablePatch& patch);

/// Appends bytes that are equal only where `append_overwritten` with this patch appends equal texts.
void append_overwritten_bytes(std::string& out, const Section& section, const ComparablePatch& patch);

/// Appends, as a JSON object, the merge patch that takes `section` from what `wrote` made of it back to
/// `before`, as `append_overwritten` gave it. An object that `wrote` made goes if nothing else has come into
/// it. Appends nothing if nothing is to be done. Answers the path of the first leaf that is not as `wrote`
/// left it, names with dots between, and empty if all are.
std::string append_restoring(std::string& out, const Section& section, const ComparablePatch& wrote,
                             const ComparablePatch& before);

}  // namespace carillon
