#include "endpoint/rest/jobs/job_list_source.hpp"

namespace carillon::rest {

Task<std::string> JobListSource::next() {
    std::string piece = std::exchange(frame_.before, {});
    while (at_ < jobs_.size() && piece.size() < piece_bytes) {
        if (!job_) {
            if (at_ > 0) piece += ',';
            job_.emplace(std::move(jobs_[at_]), form_);
        }
        if (job_->append(piece, piece_bytes)) break;
        job_.reset();
        ++at_;
    }
    if (at_ == jobs_.size()) piece += std::exchange(frame_.behind, {});
    co_return piece;
}

}  // namespace carillon::rest
