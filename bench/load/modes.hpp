#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "load/options.hpp"

namespace carillon::load {

/// The tool's modes. Each reads its options, runs, and adds its figures as members to the JSON
/// object `out` is in the middle of. They fail with what kept them from measuring.
Result<> run_register(Options& options, JsonWriter& out);
Result<> run_requests(Options& options, JsonWriter& out);
Result<> run_roundtrip(Options& options, JsonWriter& out);
Result<> run_idle(Options& options, JsonWriter& out);
Result<> run_connect(Options& options, JsonWriter& out);
Result<> run_job(Options& options, JsonWriter& out);
Result<> run_telemetry(Options& options, JsonWriter& out);
Result<> run_amqp(Options& options, JsonWriter& out);
Result<> run_read(Options& options, JsonWriter& out);
Result<> run_ask(Options& options, JsonWriter& out);

}  // namespace carillon::load
