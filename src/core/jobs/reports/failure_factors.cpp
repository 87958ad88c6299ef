#include "core/jobs/reports/failure_factors.hpp"

#include <algorithm>
#include <cmath>

namespace carillon {
namespace {

double log_choose(double n, double k) {
    return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}

}  // namespace

double hypergeometric_tail(std::uint64_t all, std::uint64_t marked, std::uint64_t drawn, std::uint64_t hits) {
    const auto most = std::min(marked, drawn);
    if (hits > most) return 0;
    const auto least = drawn > all - marked ? drawn - (all - marked) : 0;
    if (hits <= least) return 1;
    const auto n = static_cast<double>(all);
    const auto k = static_cast<double>(marked);
    const auto d = static_cast<double>(drawn);
    auto x = static_cast<double>(hits);
    double term = std::exp(log_choose(k, x) + log_choose(n - k, d - x) - log_choose(n, d));
    double sum = 0;
    // Each term is the one before times a ratio; behind the middle they fall fast.
    for (auto i = hits; i <= most; ++i) {
        sum += term;
        const bool is_past_middle = x > d * k / n;
        if (is_past_middle && term <= sum * 1e-17) break;
        term *= (k - x) * (d - x) / ((x + 1) * (n - k - d + x + 1));
        x += 1;
    }
    return std::min(1.0, sum);
}

void FactorCounter::add(const std::vector<Value>& values, std::optional<std::size_t> group) {
    ++devices_;
    if (group) {
        if (failed_.size() <= *group) failed_.resize(*group + 1);
        ++failed_[*group];
    }
    for (const auto& [path, value] : values) {
        if (dropped_.contains(path)) continue;
        auto found = paths_.find(path);
        if (found == paths_.end()) {
            if (paths_.size() + dropped_.size() >= paths_max) continue;
            found = paths_.emplace(path, std::map<std::string, Count>()).first;
        }
        auto& counts = found->second;
        if (counts.size() >= values_max && !counts.contains(value)) {
            paths_.erase(found);
            dropped_.insert(path);
            continue;
        }
        auto& count = counts[value];
        ++count.devices;
        if (!group) continue;
        if (count.failed.size() <= *group) count.failed.resize(*group + 1);
        ++count.failed[*group];
    }
}

std::vector<FailureFactor> FactorCounter::factors(std::size_t group) const {
    std::vector<FailureFactor> found;
    if (group >= failed_.size() || failed_[group] < failed_min) return found;
    std::uint64_t tested = 0;
    for (const auto& [path, counts] : paths_) tested += counts.size();
    const auto drawn = failed_[group];
    for (const auto& [path, counts] : paths_) {
        for (const auto& [value, count] : counts) {
            const auto hits = group < count.failed.size() ? count.failed[group] : 0;
            if (hits < failed_min) continue;
            const double lift = (static_cast<double>(hits) / static_cast<double>(drawn)) /
                                (static_cast<double>(count.devices) / static_cast<double>(devices_));
            if (lift < lift_min) continue;
            const double p =
                hypergeometric_tail(devices_, count.devices, drawn, hits) * static_cast<double>(tested);
            if (p < p_max) found.push_back({path, value, hits, count.devices, lift, p});
        }
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.p < b.p; });
    if (found.size() > factors_max) found.resize(factors_max);
    return found;
}

void FactorCounter::append_leaves(std::vector<Value>& out, const std::string& path, JsonValue object) {
    for (JsonValue v = object.first(); v.exists(); v = v.next()) {
        std::string below = path + '.';
        below += v.key();
        if (v.is_object()) {
            append_leaves(out, below, v);
        } else if ((v.is_string() || v.is_number() || v.is_boolean()) && v.raw().size() <= value_bytes_max) {
            out.emplace_back(std::move(below), v.raw());
        }
    }
}

}  // namespace carillon
