#include "job_progress.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace carillon {

namespace {

/// A bar of eighth blocks: done in full, the rest shaded.
std::string bar(double fraction, std::size_t width) {
    static constexpr const char* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto parts =
        static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(width * 8));
    std::string text;
    std::size_t cells = parts / 8;
    for (std::size_t i = 0; i < cells; ++i) text += "█";
    if (parts % 8 != 0) {
        text += eighths[parts % 8];
        ++cells;
    }
    for (; cells < width; ++cells) text += "░";
    return text;
}

std::string rate_text(double rate) {
    if (rate >= 10) return with_thousands(static_cast<std::int64_t>(rate)) + "/s";
    return fmt::format("{:.1f}/s", rate);
}

std::string counts_text(const JobReport& look, std::string_view separator) {
    std::string text = with_thousands(look.succeeded) + " done";
    text += separator;
    text += with_thousands(look.failed) + " failed";
    if (look.canceled > 0) {
        text += separator;
        text += with_thousands(look.canceled) + " canceled";
    }
    text += separator;
    text += with_thousands(look.running) + " in flight";
    text += separator;
    text += with_thousands(look.pending) + " pending";
    return text;
}

std::string pace_text(const JobReport& look, const JobPace& pace, std::string_view separator) {
    const double rate = look.devices_per_second.value_or(pace.rate());
    if (look.has_ended() || rate <= 0) return {};
    std::string text(separator);
    text += rate_text(rate);
    if (const auto left = look.devices_per_second ? look.left : pace.time_left()) {
        text += separator == "; " ? ", " : separator;
        text += duration_text(*left) + " left";
    }
    return text;
}

/// Cut to `width` characters of a terminal; an `…` says so.
std::string cut(const std::string& text, std::size_t width) {
    std::size_t characters = 0;
    std::size_t end = 0;  // of the last character that leaves room for the sign
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
        if (++characters == width) end = i;
        if (characters > width) return text.substr(0, end) + "…";
    }
    return text;
}

std::string reason_text(const JobFailure& reason) {
    return "  " + with_thousands(reason.devices) + " × " + reason.code + ": " + reason.description;
}

}  // namespace

void JobPace::observe(const JobReport& look, TimePoint now) {
    last_ = look;
    if (look.status != "running") samples_.clear();
    // The oldest sample is the first one that is no younger than the window.
    while (samples_.size() > 1 && now - samples_[1].at >= window) samples_.pop_front();
    samples_.push_back({now, look.ended()});
}

double JobPace::rate() const {
    if (samples_.size() < 2) return 0;
    const std::chrono::duration<double> span = samples_.back().at - samples_.front().at;
    constexpr double span_min_s = 0.2;
    if (span.count() < span_min_s || samples_.back().ended <= samples_.front().ended) return 0;
    return static_cast<double>(samples_.back().ended - samples_.front().ended) / span.count();
}

std::optional<std::chrono::seconds> JobPace::time_left() const {
    const double pace = rate();
    if (pace <= 0 || last_.devices < last_.ended()) return std::nullopt;
    const double left_s = static_cast<double>(last_.devices - last_.ended()) / pace;
    constexpr double left_max_s = 30.0 * 24 * 3600;
    if (left_s > left_max_s) return std::nullopt;
    return std::chrono::seconds(static_cast<std::int64_t>(left_s + 0.999));
}

std::string progress_line(const JobReport& look, const JobPace& pace) {
    std::string line = look.status;
    if (look.devices > 0) {
        line += ": " + counts_text(look, ", ") + " of " + with_thousands(look.devices);
    }
    line += pace_text(look, pace, "; ");
    if (!look.failure_reason.empty()) line += ": " + look.failure_reason;
    return line;
}

std::vector<std::string> progress_block(const JobReport& look, const JobPace& pace, std::size_t width) {
    constexpr std::size_t bar_width_max = 60;
    constexpr std::size_t beside_bar = 20;
    const std::size_t bar_width = std::clamp(width, beside_bar + 10, bar_width_max + beside_bar) - beside_bar;
    const double fraction = look.devices == 0
                                ? (look.status == "completed" ? 1.0 : 0.0)
                                : static_cast<double>(look.ended()) / static_cast<double>(look.devices);
    std::vector<std::string> block;
    block.push_back(fmt::format("{}  {}  {}", look.id, look.type, look.status));
    // Rounded down: 100 % is said when all have ended, not before.
    block.push_back(fmt::format("{} {:3} %  of {}", bar(fraction, bar_width),
                                static_cast<int>(fraction * 100), with_thousands(look.devices)));
    block.push_back(counts_text(look, "   ") + pace_text(look, pace, "   "));
    if (look.failures && !look.has_ended()) {
        const auto shown = std::min(look.failures->size(), reasons_drawn_max);
        for (std::size_t i = 0; i < shown; ++i) {
            block.push_back(cut(reason_text((*look.failures)[i]), width));
        }
    }
    return block;
}

std::vector<std::string> reason_lines(const JobReport& look) {
    std::vector<std::string> lines;
    for (const auto& reason : look.failures.value_or(std::vector<JobFailure>())) {
        lines.push_back(reason_text(reason));
    }
    if (look.other_failures > 0) {
        lines.push_back("  " + with_thousands(look.other_failures) + " × for other reasons");
    }
    constexpr int client_error = 400;
    for (const auto& [status, devices] : look.answers) {
        if (status < client_error) continue;
        lines.push_back(fmt::format("  {} × done, but answered status {}", with_thousands(devices), status));
    }
    return lines;
}

std::string grouped_by_three(std::string text) {
    for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3) {
        text.insert(static_cast<std::size_t>(i), ",");
    }
    return text;
}

std::string duration_text(std::chrono::seconds duration) {
    const auto s = duration.count();
    if (s < 60) return fmt::format("{} s", s);
    if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
    return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

}  // namespace carillon
