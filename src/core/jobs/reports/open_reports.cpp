#include "core/jobs/reports/open_reports.hpp"

#include <utility>

namespace carillon {

OpenReports::Asker::Asker(OpenReports& reports, std::string policy)
    : reports_(reports), policy_(std::move(policy)) {
    const std::lock_guard lock(reports_.mutex_);
    may_ask_ = reports_.asking_.size() < asked_max && reports_.asking_.insert(policy_).second;
}

OpenReports::Asker::~Asker() {
    if (!may_ask_) return;
    const std::lock_guard lock(reports_.mutex_);
    reports_.asking_.erase(policy_);
}

}  // namespace carillon
