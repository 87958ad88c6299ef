#pragma once

#include "base/clock.hpp"
#include "base/metrics_text.hpp"

namespace carillon {

/// Writes what the process takes, under the names that all programs have for it.
/// Source: Prometheus docs, "Writing client libraries", process metrics.
void write_process(MetricsText& page, WallTime started);

}  // namespace carillon
