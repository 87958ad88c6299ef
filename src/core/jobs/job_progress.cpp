#include "core/jobs/job_progress.hpp"

#include <cmath>

namespace carillon {

std::optional<std::int64_t> JobProgress::seconds_left() const {
    constexpr double left_max_s = JobLimits::execution_time_max_s;
    if (snapshot.status != JobStatus::running || !snapshot.counts || devices_per_s <= 0) return std::nullopt;
    const auto left =
        static_cast<double>(snapshot.counts->pending + snapshot.counts->running) / devices_per_s;
    if (left > left_max_s) return std::nullopt;
    return static_cast<std::int64_t>(std::ceil(left));
}

void RateMeter::note(TimePoint now, std::uint64_t count) {
    const auto size = samples_.size();
    // The last sample moves along until it is far enough from the one before.
    if (size >= 2 && now - samples_[size - 2].at < spacing) {
        samples_.back() = {now, count};
        return;
    }
    // The oldest is the first that is no younger than the window.
    while (samples_.size() > 1 && now - samples_[1].at >= window) samples_.erase(samples_.begin());
    samples_.push_back({now, count});
}

double RateMeter::rate(TimePoint now, std::uint64_t count) const {
    const Sample* base = nullptr;
    for (const auto& sample : samples_) {
        if (base && now - sample.at < window) break;
        base = &sample;
    }
    if (!base || now - base->at < span_min || count <= base->count) return 0;
    return static_cast<double>(count - base->count) / std::chrono::duration<double>(now - base->at).count();
}

void RateMeter::clear() {
    samples_ = {};
}

}  // namespace carillon
