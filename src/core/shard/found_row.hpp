#pragma once

#include "base/device_id.hpp"
#include "model/identity.hpp"
#include "model/twin.hpp"

namespace carillon {

/// An identity with its twin as readers see it, for other threads: shares the record's immutable parts and
/// outlives it.
struct FoundRow {
    IdentityKey key;
    Document document;
    LiveState live;
};

}  // namespace carillon
