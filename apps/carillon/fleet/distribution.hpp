#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "fleet/chance.hpp"

#include <string_view>

namespace carillon::fleet {

/// How long something takes, by chance. As text:
///
///     200ms                  always the same
///     100ms..2s              anything in between, evenly
///     exp:500ms              exponential, with that mean
///     lognormal:100ms,2s     a long tail: the median, and what 99 % stay below
///
/// Units are `us`, `ms`, `s`, `m` and `h`; a number may have a fraction.
class Distribution {
public:
    /// No duration is longer. Ours: a month says never to any run.
    static constexpr std::chrono::hours longest{24 * 30};

    /// Nothing at all.
    Distribution() = default;
    /// Fails with `config_invalid`, naming what is wrong.
    static Result<Distribution> parse(std::string_view text);
    static Distribution exponential(Duration mean);

    Duration draw(Chance& chance) const;
    Duration mean() const;
    bool is_zero() const { return shape_ == Shape::fixed && a_s_ == 0; }

private:
    enum class Shape { fixed, uniform, exponential, lognormal };
    Distribution(Shape shape, double a_s, double b_s) : shape_(shape), a_s_(a_s), b_s_(b_s) {}
    double sigma() const;

    Shape shape_ = Shape::fixed;
    double a_s_ = 0;  ///< The only one, the least, the mean, the median.
    double b_s_ = 0;  ///< The most, the 99th percentile.
};

/// `250ms`, `1.5s`. Fails with `config_invalid`.
Result<Duration> parse_duration(std::string_view text);

}  // namespace carillon::fleet
