#include "job_progress.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <algorithm>
#include <ctime>

namespace carillon {

namespace {

constexpr int client_error = 400;

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

/// The numbers of a job, one part each.
std::vector<std::string> counts_of(const JobReport& report, const JobSurroundings& around) {
    std::vector<std::string> parts{with_thousands(report.succeeded) + " done",
                                   with_thousands(report.failed) + " failed"};
    if (report.canceled > 0) parts.push_back(with_thousands(report.canceled) + " canceled");
    parts.push_back(with_thousands(report.running) + " in flight");
    std::string pending = with_thousands(report.pending);
    const bool is_waiting = report.status == "running" && report.pending > 0;
    pending += is_waiting && around.waits_for_devices ? " offline" : " pending";
    if (is_waiting && around.deadline) pending += ", until " + clock_text(*around.deadline, around.now);
    parts.push_back(std::move(pending));
    return parts;
}

std::vector<std::string> pace_of(const JobReport& report, const JobPace& pace) {
    const double rate = report.devices_per_second.value_or(pace.rate());
    if (report.has_ended() || rate <= 0) return {};
    std::vector<std::string> parts{rate_text(rate)};
    if (const auto left = report.devices_per_second ? report.left : pace.time_left()) {
        parts.push_back(duration_text(*left) + " left");
    }
    return parts;
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : std::string(separator)) + part;
    return text;
}

std::string reason_text(const JobFailure& reason) {
    return "  " + with_thousands(reason.devices) + " × " + reason.code + ": " + reason.description;
}

std::vector<std::string> failing_answers(const JobReport& report) {
    std::vector<std::string> lines;
    for (const auto& [status, devices] : report.answers) {
        if (status < client_error) continue;
        // With a rollout such a device has failed, unless `okStatus` says otherwise.
        lines.push_back(fmt::format("  {} × {}answered status {}", with_thousands(devices),
                                    report.rollout ? "" : "done, but ", status));
    }
    return lines;
}

/// What a rollout says of itself, one thing a line: `paused by $hub: stop[0]: …`, `waves[1] of 3 is open: 70
/// done, 8 failed of 900`, `held: 9,000 wave, 20 offline`. Waves are counted as in the document.
std::vector<std::string> rollout_lines(const JobReport& report) {
    std::vector<std::string> lines;
    if (!report.rollout) return lines;
    const RolloutReport& rollout = *report.rollout;
    if (!rollout.paused_by.empty() && !report.has_ended()) {
        lines.push_back("paused by " + rollout.paused_by +
                        (rollout.paused_why.empty() ? "" : ": " + rollout.paused_why));
    }
    for (std::size_t i = 0; i < rollout.waves.size(); ++i) {
        const JobWave& wave = rollout.waves[i];
        if (wave.state == "waiting" || wave.state == "passed" || report.has_ended()) continue;
        const std::string state = wave.state == "gate" ? "waits for `job promote`" : "is " + wave.state;
        lines.push_back(fmt::format("waves[{}] of {} {}: {} done, {} failed of {}", i, rollout.waves.size(),
                                    state, with_thousands(wave.succeeded), with_thousands(wave.failed),
                                    with_thousands(wave.devices)));
    }
    if (!rollout.held.empty() && !report.has_ended()) {
        std::string held = "held:";
        for (const auto& [reason, devices] : rollout.held) {
            held += (held.back() == ':' ? " " : ", ") + with_thousands(devices) + ' ' + reason;
        }
        lines.push_back(std::move(held));
    }
    if (report.has_ended() && !rollout.verdict.empty()) lines.push_back("success " + rollout.verdict);
    return lines;
}

/// `scheduled` with the time, where that is known.
std::string status_text(const JobReport& report, const JobSurroundings& around) {
    const bool is_to_come = report.status == "scheduled" && around.start;
    return is_to_come ? report.status + " for " + clock_text(*around.start, around.now) : report.status;
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

std::string progress_line(const JobReport& report, const JobPace& pace, const JobSurroundings& around) {
    std::string line = status_text(report, around);
    if (report.devices > 0) {
        line += ": " + joined(counts_of(report, around), ", ") + " of " + with_thousands(report.devices);
    }
    if (const auto parts = pace_of(report, pace); !parts.empty()) line += "; " + joined(parts, ", ");
    for (const std::string& said : rollout_lines(report)) line += "; " + on_one_line(said);
    if (!report.failure_reason.empty()) line += ": " + on_one_line(report.failure_reason);
    return line;
}

std::vector<std::string> progress_block(const JobReport& report, const JobPace& pace,
                                        const JobSurroundings& around, std::size_t width) {
    constexpr std::string_view gap = "   ";
    std::vector<std::string> block =
        packed({report.id, report.type, status_text(report, around)}, "  ", width);
    if (report.status != "failed") {
        constexpr std::size_t bar_width_max = 60;
        constexpr std::size_t bar_width_min = 10;
        const double fraction =
            report.devices == 0 ? (report.status == "completed" ? 1.0 : 0.0)
                                : static_cast<double>(report.ended()) / static_cast<double>(report.devices);
        // Rounded down: 100 % is said when all have ended, not before.
        const std::string beside =
            fmt::format(" {:3} %  of {}", static_cast<int>(fraction * 100), with_thousands(report.devices));
        const std::size_t room = width - std::min(width, cells_of(beside));
        block.push_back(
            cut_to_cells(bar(fraction, std::clamp(room, bar_width_min, bar_width_max)) + beside, width));
        std::vector<std::string> parts = counts_of(report, around);
        for (std::string& part : pace_of(report, pace)) parts.push_back(std::move(part));
        for (std::string& line : packed(parts, gap, width)) block.push_back(std::move(line));
    }
    for (const std::string& said : rollout_lines(report)) {
        block.push_back(cut_to_cells(on_one_line(said), width));
    }
    if (!report.has_ended()) {
        const std::vector<JobFailure> none;
        const auto& reasons = report.failures ? *report.failures : none;
        for (std::size_t i = 0; i < std::min(reasons.size(), reasons_drawn_max); ++i) {
            block.push_back(cut_to_cells(on_one_line(reason_text(reasons[i])), width));
        }
        auto answers = failing_answers(report);
        answers.resize(std::min(answers.size(), reasons_drawn_max));
        for (const std::string& line : answers) block.push_back(cut_to_cells(line, width));
    }
    for (const std::string& text : {report.failure_reason, around.note}) {
        if (text.empty()) continue;
        for (const std::string& line : wrapped(on_one_line(text), width)) {
            block.push_back(cut_to_cells(line, width));
        }
    }
    return block;
}

std::vector<std::string> reason_lines(const JobReport& report) {
    std::vector<std::string> lines;
    for (const auto& reason : report.failures.value_or(std::vector<JobFailure>())) {
        lines.push_back(on_one_line(reason_text(reason)));
    }
    if (report.other_failures > 0) {
        lines.push_back("  " + with_thousands(report.other_failures) + " × for other reasons");
    }
    for (std::string& line : failing_answers(report)) lines.push_back(std::move(line));
    return lines;
}

std::string duration_text(std::chrono::seconds duration) {
    const auto s = duration.count();
    if (s < 60) return fmt::format("{} s", s);
    if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
    return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

std::string clock_text(std::chrono::system_clock::time_point at, std::chrono::system_clock::time_point now) {
    const std::tm then = fmt::localtime(std::chrono::system_clock::to_time_t(at));
    const std::tm today = fmt::localtime(std::chrono::system_clock::to_time_t(now));
    const bool is_today = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    return is_today ? fmt::format("{:%H:%M}", then) : fmt::format("{:%Y-%m-%d %H:%M}", then);
}

}  // namespace carillon
