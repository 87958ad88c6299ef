#pragma once

#include "carillon/service_client.hpp"
#include "commands.hpp"
#include "row_printer.hpp"

#include <chrono>
#include <cstdio>
#include <string>

namespace carillon {

struct JobWatch {
    /// Between two lines on a pipe; where the hub has no live progress also between two looks.
    std::chrono::milliseconds interval{500};
    std::chrono::seconds duration_max{0};  ///< 0: as long as the job takes.
    std::FILE* out = stdout;
    /// `automatic` and `table` are words, or a bar on a terminal; `csv` is a row for each change, `json`
    /// and `ndjson` a line.
    Format format = Format::automatic;
};

/// Follows a job until it is over: a bar that is redrawn on a terminal, lines elsewhere. Follows its
/// events, and looks at it again and again where the hub has none. Survives a hub that is away for
/// up to a minute. Afterwards says why devices failed.
/// Gives `devices_failed` if any did, `failed` if the job itself failed or was cancelled, and
/// `timed_out` if it outlasts `duration_max`.
Result<Exit> watch_job(ServiceClient& client, const std::string& job, const JobWatch& watch);

}  // namespace carillon
