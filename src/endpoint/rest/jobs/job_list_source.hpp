#pragma once

#include "endpoint/rest/http/http_message.hpp"
#include "endpoint/rest/paging.hpp"
#include "model/jobs/job_text.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon::rest {

/// Jobs as JSON, written when there is room for it: one that lists its devices may take megabytes.
class JobListSource final : public BodySource {
public:
    static constexpr std::size_t piece_bytes = 32 * 1024;

    JobListSource(std::vector<JobSnapshot> jobs, PageFrame frame, JobJson form = JobJson::listed)
        : jobs_(std::move(jobs)), frame_(std::move(frame)), form_(form) {}
    Task<std::string> next() override;

private:
    std::vector<JobSnapshot> jobs_;  ///< Bound: PageRequest::preview_size_max.
    PageFrame frame_;                ///< What was written of it is gone.
    JobJson form_;
    std::size_t at_ = 0;
    std::optional<JobText> job_;  ///< The one that is being written.
};

}  // namespace carillon::rest
