#pragma once

#include "model/jobs/job.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace carillon {

/// What `append_job_json` appends, in pieces: a job that lists its devices may take megabytes. All of it
/// shows the same moment.
class JobText {
public:
    explicit JobText(JobSnapshot job, JobJson form = JobJson::whole) : job_(std::move(job)), form_(form) {}
    /// Appends more of it until `out` holds `bytes_max`; what is no list of devices is not divided. False
    /// once the end is there.
    bool append(std::string& out, std::size_t bytes_max);

private:
    enum class Part : std::uint8_t { head, ids, tail, end };

    void append_head(std::string& out);
    void append_ids(std::string& out, std::size_t bytes_max);
    void append_tail(std::string& out) const;

    JobSnapshot job_;
    JobJson form_;
    Part part_ = Part::head;
    std::optional<IdList::Reader> ids_;
    bool has_ids_ = false;
};

}  // namespace carillon
