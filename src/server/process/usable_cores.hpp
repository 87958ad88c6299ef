#pragma once

namespace carillon {

/// The cores this process may use, which may be fewer than the machine has.
unsigned usable_cores();

}  // namespace carillon
