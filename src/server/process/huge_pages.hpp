#pragma once

#include <cstdint>

namespace carillon {

/// Whether the kernel may give this process huge pages, which the allocator asks for everywhere
/// (`apps/carillon/allocator.cpp`). A large fleet needs them: what passes over a gigabyte of twins waits for
/// memory. But where parts of a huge page were given back, the kernel fills it up again in the background
/// (khugepaged, max_ptes_none), and a small hub comes to hold several times what it uses within hours.
///
/// Used by one thread at a time; what it sets is the process's. Source: prctl(2), PR_SET_THP_DISABLE.
class HugePages {
  public:
    /// From this much memory on they are worth it, and below half of it no longer. Ours: what is wasted is bounded
    /// by the most that was ever used, and matters little to a hub of that size.
    static constexpr std::uint64_t worth_bytes = 512 * 1024 * 1024;

    /// They are allowed, as a hub loads fastest with them, unless the parent process has forbidden them: then they
    /// stay forbidden.
    HugePages();

    /// Allows or forbids them by the memory of the process now, in bytes.
    void look(std::uint64_t bytes);

  private:
    bool is_ours_;  ///< Nobody else has decided.
    bool is_allowed_ = true;
};

}  // namespace carillon
