#pragma once

#include "base/clock.hpp"
#include "base/metrics_text.hpp"

#include <cstdint>

namespace carillon {

/// Bytes of memory that the process has; 0 if that cannot be read.
std::uint64_t resident_bytes();

/// Those of them that are not pages of files, such as the program; 0 if that cannot be read.
std::uint64_t anonymous_bytes();

/// Writes what the process takes, under the names that all programs have for it.
/// Source: Prometheus docs, "Writing client libraries", process metrics.
void write_process(MetricsText& page, WallTime started);

}  // namespace carillon
