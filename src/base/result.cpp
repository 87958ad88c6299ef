#include "base/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace carillon {

// Writes with stdio, not the log: the log may be what is broken.
void assertion_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    std::fflush(stderr);
    std::abort();
}

}  // namespace carillon
