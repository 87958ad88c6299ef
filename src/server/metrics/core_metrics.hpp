#pragma once

#include "base/metrics_text.hpp"

namespace carillon {

class Events;
class Jobs;
class Shards;
struct CommitMetrics;

// Figures of what a hub does, whatever protocol it is asked by. They are read from counters that its threads
// keep anyway.

void write_method_metrics(MetricsText& page, Shards& shards);
void write_cloud_message_metrics(MetricsText& page, Shards& shards);
void write_commit_metrics(MetricsText& page, const CommitMetrics& commits);
void write_job_metrics(MetricsText& page, const Jobs& jobs);
/// By endpoint: a hub has ten at most.
void write_route_metrics(MetricsText& page, Events& events);

}  // namespace carillon
