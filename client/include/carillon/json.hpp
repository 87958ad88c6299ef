#pragma once

// Reading and writing JSON, the language of twins, methods and jobs: `JsonDocument` and `JsonWriter`. For
// whoever has no library of their own for it; the clients take and give JSON as text.
#include "base/json.hpp"
