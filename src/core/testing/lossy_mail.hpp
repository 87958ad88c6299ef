#pragma once

// A way between a job's coordinator and its parts on which anything may happen, for tests; no part of the
// product.

#include "base/clock.hpp"
#include "core/jobs/job_mail.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

namespace carillon::testing {

/// Loses, repeats, delays and reorders messages, by a seed, until it is healed.
class LossyMail final : public MailFate {
public:
    LossyMail(const Clock& clock, std::uint64_t seed) : clock_(clock), random_(seed) {}

    void carry(std::function<void()> deliver) override {
        if (is_healed_) return put(0, std::move(deliver));
        if (chance(15)) {
            ++lost_;
            return;
        }
        if (chance(15)) {
            ++repeated_;
            put(delay(), deliver);
        }
        put(delay(), std::move(deliver));
    }
    /// Delivers what is due; false if nothing is.
    bool deliver() {
        std::vector<Letter> due;
        const auto now = clock_.now();
        const auto later = std::stable_partition(on_the_way_.begin(), on_the_way_.end(),
                                                 [now](const Letter& letter) { return letter.due > now; });
        std::move(later, on_the_way_.end(), std::back_inserter(due));
        on_the_way_.erase(later, on_the_way_.end());
        std::stable_sort(due.begin(), due.end(),
                         [](const Letter& a, const Letter& b) { return a.due < b.due; });
        for (const Letter& letter : due) letter.deliver();
        return !due.empty();
    }
    void heal() { is_healed_ = true; }
    void clear() { on_the_way_.clear(); }
    std::uint64_t lost() const { return lost_; }
    std::uint64_t repeated() const { return repeated_; }

private:
    struct Letter {
        TimePoint due;
        std::function<void()> deliver;
    };
    bool chance(unsigned percent) { return random_() % 100 < percent; }
    unsigned delay() {
        constexpr unsigned longest_ms = 3000;
        return chance(60) ? 0 : static_cast<unsigned>(random_() % longest_ms);
    }
    void put(unsigned delay_ms, std::function<void()> deliver) {
        on_the_way_.push_back({clock_.now() + std::chrono::milliseconds(delay_ms), std::move(deliver)});
    }

    const Clock& clock_;
    std::mt19937_64 random_;
    std::vector<Letter> on_the_way_;
    bool is_healed_ = false;
    std::uint64_t lost_ = 0;
    std::uint64_t repeated_ = 0;
};

}  // namespace carillon::testing
