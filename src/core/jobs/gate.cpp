#include "core/jobs/gate.hpp"

#include <algorithm>
#include <queue>
#include <utility>

namespace carillon {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

}  // namespace

GateCounts& GateCounts::operator+=(const GateCounts& o) {
    succeeded += o.succeeded;
    failed += o.failed;
    canceled += o.canceled;
    return *this;
}

void Gate::set_rate(const std::optional<RolloutRate>& rate, TimePoint now) {
    if (rate == rate_) return;
    refill(now);
    const auto whole = tokens();
    const bool had_rate = rate_.has_value();
    rate_ = rate;
    rate_count_ = rate ? rate->count : 0;
    cost_ = rate && rate->is_per_minute ? 60 * second_ns : second_ns;
    // What was saved up at another rate counts as far as this one would have let it.
    units_ = had_rate ? std::min(std::max(cost_, rate_count_ * second_ns), whole * cost_) : cost_;
    filled_at_ = now;
}

void Gate::open(TimePoint now) {
    if (std::exchange(is_open_, true)) return;
    units_ = cost_;
    filled_at_ = now;
}

void Gate::refill(TimePoint now) {
    if (rate_count_ == 0 || now <= filled_at_) return;
    const auto capacity = std::max(cost_, rate_count_ * second_ns);
    const auto passed = static_cast<std::uint64_t>(
        std::min<std::int64_t>((now - filled_at_).count(), std::int64_t{60} * second_ns));
    units_ = std::min(capacity, units_ + passed * rate_count_);
    filled_at_ = now;
}

std::uint64_t Gate::tokens() const {
    return rate_count_ == 0 ? UINT64_MAX : units_ / cost_;
}

void Gate::report(const GateReport& report) {
    auto& part = parts_[report.part];
    if (!std::exchange(part.has_told, true)) ++heard_;
    if (rate_count_ != 0 && report.returned > part.returned) {
        const auto capacity = std::max(cost_, rate_count_ * second_ns);
        units_ = std::min(capacity, units_ + (report.returned - part.returned) * cost_);
    }
    part.used = report.used;
    part.returned = report.returned;
    part.in_flight = report.in_flight;
    part.wanted = std::min<std::uint64_t>(report.wanted, outstanding_max);
    part.obeyed = report.obeyed;
    part.places = report.places;
}

std::uint64_t Gate::in_flight() const {
    std::uint64_t sum = 0;
    for (const auto& part : parts_) sum += part.in_flight + part.outstanding();
    return sum;
}

std::uint64_t Gate::wanted() const {
    std::uint64_t sum = 0;
    for (const auto& part : parts_) sum += part.open();
    return sum;
}

bool Gate::is_obeyed(std::uint64_t number) const {
    return std::all_of(parts_.begin(), parts_.end(),
                       [number](const Part& part) { return part.obeyed >= number; });
}

std::uint64_t Gate::room() const {
    if (!cap_) return UINT64_MAX;
    const auto busy = in_flight();
    return busy < *cap_ ? *cap_ - busy : 0;
}

std::vector<GatePermit> Gate::give(TimePoint now) {
    std::vector<GatePermit> permits;
    if (!is_open_ || !has_heard_all()) return permits;
    refill(now);
    const auto count = std::min({room(), tokens(), wanted()});
    if (count == 0) return permits;
    std::vector<std::uint64_t> given(parts_.size());
    const bool has_places =
        std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return !part.places.empty(); });
    if (has_places) {
        give_by_place(count, given);
    } else {
        give_in_turn(count, given);
    }
    for (std::uint32_t i = 0; i < parts_.size(); ++i) {
        if (given[i] == 0) continue;
        parts_[i].granted += given[i];
        if (rate_count_ != 0) units_ -= given[i] * cost_;
        permits.push_back({i, parts_[i].granted});
    }
    return permits;
}

/// The lowest places of all parts, those left out that have a permit.
void Gate::give_by_place(std::uint64_t count, std::vector<std::uint64_t>& given) const {
    using Next = std::pair<std::uint32_t, std::uint32_t>;  ///< Place, part.
    std::priority_queue<Next, std::vector<Next>, std::greater<>> line;
    const auto stand = [&](std::uint32_t i) {
        const auto& part = parts_[i];
        const auto at = part.outstanding() + given[i];
        if (given[i] < batch_max && at < part.wanted && at < part.places.size())
            line.emplace(part.places[at], i);
    };
    for (std::uint32_t i = 0; i < parts_.size(); ++i) stand(i);
    for (; count > 0 && !line.empty(); --count) {
        const auto i = line.top().second;
        line.pop();
        ++given[i];
        stand(i);
    }
}

/// The same to each part, and what does not divide to the one whose turn it is.
void Gate::give_in_turn(std::uint64_t count, std::vector<std::uint64_t>& given) {
    const auto size = parts_.size();
    for (bool has_given = true; count > 0 && has_given;) {
        has_given = false;
        const auto share = std::max<std::uint64_t>(1, count / size);
        for (std::size_t n = 0; n < size && count > 0; ++n) {
            const auto i = (turn_ + n) % size;
            const auto most = std::min<std::uint64_t>(batch_max, parts_[i].open());
            if (given[i] >= most) continue;
            const auto more = std::min({share, most - given[i], count});
            given[i] += more;
            count -= more;
            has_given = true;
        }
        turn_ = (turn_ + 1) % size;
    }
}

std::optional<TimePoint> Gate::next(TimePoint now) const {
    if (!is_open_ || !has_heard_all() || rate_count_ == 0 || wanted() == 0 || room() == 0)
        return std::nullopt;
    if (units_ >= cost_) return now;
    // Rounded up: a timer that fires before the token is there would fire again and again.
    const auto wait = (cost_ - units_ + rate_count_ - 1) / rate_count_;
    return filled_at_ + std::chrono::nanoseconds(wait);
}

}  // namespace carillon
