#pragma once

#include "base/metrics.hpp"

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace carillon {

enum class MetricsFormat : std::uint8_t { prometheus, open_metrics };
/// The media type of a page, with its version.
std::string_view media_type(MetricsFormat format);

/// Writes a page of metrics as Prometheus reads it: families in a row, each with its samples behind it. Names
/// and labels are ours, values of labels may be any text.
/// Source: Prometheus docs, "Exposition formats"; OpenMetrics 1.0, "Text format".
class MetricsText {
public:
    using Label = std::pair<std::string_view, std::string_view>;
    using Labels = std::initializer_list<Label>;

    explicit MetricsText(MetricsFormat format) : format_(format) {}

    /// Begins a family. `name` is without `_total`, which samples of counters get by themselves.
    MetricsText& counter(std::string_view name, std::string_view help);
    MetricsText& gauge(std::string_view name, std::string_view help);
    MetricsText& histogram(std::string_view name, std::string_view help);

    /// A sample of the family begun last.
    MetricsText& sample(std::uint64_t value, Labels labels = {});
    MetricsText& sample(std::int64_t value, Labels labels = {});
    MetricsText& sample(double value, Labels labels = {});
    template <class Scale>
    MetricsText& sample(const Histogram<Scale>& values, Labels labels = {}) {
        // Divided by, a decimal stays one.
        constexpr auto units = static_cast<double>(static_cast<std::int64_t>(1 / Scale::unit + 0.5));
        std::uint64_t below = 0;
        for (std::size_t i = 0; i < Histogram<Scale>::size; ++i) {
            below += values.in(i);
            const bool is_last = i == Scale::bounds.size();
            bucket(is_last ? -1 : static_cast<double>(Scale::bounds[i]) / units, below, labels);
        }
        end_histogram(static_cast<double>(values.sum()) / units, below, labels);
        return *this;
    }

    /// The page; nothing follows.
    std::string take();

private:
    void begin(std::string_view name, std::string_view help, std::string_view type);
    void line(std::string_view suffix, Labels labels, std::string_view extra, std::string_view value);
    /// `bound` -1 for the range without an end.
    void bucket(double bound, std::uint64_t below, Labels labels);
    void end_histogram(double sum, std::uint64_t count, Labels labels);

    MetricsFormat format_;
    std::string_view suffix_;  ///< Of the family's plain samples.
    std::string name_;
    std::string text_;
};

}  // namespace carillon
