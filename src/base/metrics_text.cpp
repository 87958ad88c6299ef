#include "base/metrics_text.hpp"

#include <fmt/format.h>

namespace carillon {

std::string_view media_type(MetricsFormat format) {
    return format == MetricsFormat::open_metrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

namespace {

void append_value(std::string& out, std::string_view value) {
    for (const char c : value) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
}

}  // namespace

void MetricsText::begin(std::string_view name, std::string_view help, std::string_view type) {
    name_ = name;
    suffix_ = type == "counter" ? "_total" : "";
    // Where Prometheus' own format names a counter as its samples are, OpenMetrics names the family.
    const std::string_view shown = format_ == MetricsFormat::prometheus ? suffix_ : std::string_view();
    fmt::format_to(std::back_inserter(text_), "# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", name, shown, help,
                   type);
}

MetricsText& MetricsText::counter(std::string_view name, std::string_view help) {
    begin(name, help, "counter");
    return *this;
}
MetricsText& MetricsText::gauge(std::string_view name, std::string_view help) {
    begin(name, help, "gauge");
    return *this;
}
MetricsText& MetricsText::histogram(std::string_view name, std::string_view help) {
    begin(name, help, "histogram");
    return *this;
}

void MetricsText::line(std::string_view suffix, Labels labels, std::string_view extra,
                       std::string_view value) {
    text_ += name_;
    text_ += suffix;
    if (labels.size() > 0 || !extra.empty()) {
        char before = '{';
        for (const auto& [name, text] : labels) {
            text_ += before;
            text_ += name;
            text_ += "=\"";
            append_value(text_, text);
            text_ += '"';
            before = ',';
        }
        if (!extra.empty()) (text_ += before) += extra;
        text_ += '}';
    }
    text_ += ' ';
    text_ += value;
    text_ += '\n';
}

MetricsText& MetricsText::sample(std::uint64_t value, Labels labels) {
    line(suffix_, labels, {}, fmt::format_int(value).c_str());
    return *this;
}
MetricsText& MetricsText::sample(std::int64_t value, Labels labels) {
    line(suffix_, labels, {}, fmt::format_int(value).c_str());
    return *this;
}
MetricsText& MetricsText::sample(double value, Labels labels) {
    line(suffix_, labels, {}, fmt::format("{}", value));
    return *this;
}

void MetricsText::bucket(double bound, std::uint64_t below, Labels labels) {
    // OpenMetrics wants numbers of this label in the form of floats, and it suits the other as well.
    const std::string le = bound < 0 ? "le=\"+Inf\"" : fmt::format("le=\"{}\"", bound);
    line("_bucket", labels, le, fmt::format_int(below).c_str());
}

void MetricsText::end_histogram(double sum, std::uint64_t count, Labels labels) {
    line("_sum", labels, {}, fmt::format("{}", sum));
    line("_count", labels, {}, fmt::format_int(count).c_str());
}

std::string MetricsText::take() {
    if (format_ == MetricsFormat::open_metrics) text_ += "# EOF\n";
    return std::move(text_);
}

}  // namespace carillon
