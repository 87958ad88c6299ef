#pragma once

#include <cstddef>

namespace carillon {

inline constexpr std::size_t cache_line_bytes = 64;

/// Asks for the cache lines of the `bytes` from `at` on to be at hand soon; any address will do.
///
/// The empty asm is what keeps it: gcc takes a function that does nothing but prefetch for one without
/// effect, and under link-time optimisation drops the calls of it.
[[gnu::always_inline]] inline void prefetch(const void* at, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; i += cache_line_bytes) {
        __builtin_prefetch(static_cast<const std::byte*>(at) + i);
    }
    asm volatile("");
}

}  // namespace carillon
