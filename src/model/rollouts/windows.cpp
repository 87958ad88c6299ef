#include "model/rollouts/windows.hpp"

#include "base/text.hpp"
#include "model/rollouts/rollout_reader.hpp"

#include <algorithm>

namespace carillon {

namespace {

constexpr std::string_view day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::int64_t closing_not_written = -1;

std::optional<int> clock_digits(std::string_view text, int max) {
    int value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value <= max ? std::optional(value) : std::nullopt;
}

/// `02:30`
std::optional<int> parse_minutes(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const auto hour = clock_digits(text.substr(0, 2), 23);
    const auto minute = clock_digits(text.substr(3), 59);
    return hour && minute ? std::optional(*hour * 60 + *minute) : std::nullopt;
}

/// `2026-12-24`, as days since 1970.
std::optional<std::int64_t> parse_day(std::string_view text) {
    if (text.size() != 10) return std::nullopt;
    const auto time = parse_iso8601(std::string(text) + "T00:00:00Z");
    if (!time) return std::nullopt;
    return time->unix_s() / RolloutLimits::day_s;
}

void read_open_windows(RolloutReader& in, JsonValue value, RolloutWindows& windows) {
    static constexpr std::string_view names[] = {"days", "from", "for"};
    const JsonValue list = in.list(value, "rollout.windows.open", RolloutWindows::open_max);
    if (!list.exists()) in.refuse("rollout.windows.open", "is needed");
    for (JsonValue v = list.first(); v.exists() && in.ok(); v = v.next()) {
        const std::string path = fmt::format("rollout.windows.open[{}]", windows.open.size());
        if (!v.is_object()) in.refuse(path, "an object", v);
        const JsonValue entry = in.object(v, path, names);
        RolloutWindows::Open open;
        if (const JsonValue days = in.list(entry.find("days"), path + ".days", std::size(day_names));
            days.exists()) {
            open.days = 0;
            for (JsonValue d = days.first(); d.exists() && in.ok(); d = d.next()) {
                const auto day = in.word(d, path + ".days", day_names);
                if (day) open.days |= static_cast<std::uint8_t>(1U << *day);
                if (!day) in.refuse(path + ".days", "takes mon, tue, wed, thu, fri, sat and sun");
            }
        }
        const auto from = in.text(entry.find("from"), path + ".from");
        const auto minutes = from ? parse_minutes(*from) : std::nullopt;
        if (!minutes) in.refuse(path + ".from", "a local time such as \"02:00\"", entry.find("from"));
        open.from_minutes = minutes.value_or(0);
        const auto length = in.duration(entry.find("for"), path + ".for");
        if (entry.find("for").is_null_or_absent()) in.refuse(path + ".for", "is needed");
        if (length && (length->ms < 60'000 || length->ms > RolloutLimits::day_s * 1000))
            in.refuse(path + ".for", "must be 1m to 24h");
        open.for_s = length ? length->ms / 1000 : 0;
        windows.open.push_back(open);
    }
}

void read_excepted_days(RolloutReader& in, JsonValue value, RolloutWindows& windows) {
    const JsonValue list = in.list(value, "rollout.windows.except", RolloutWindows::except_max);
    for (JsonValue v = list.first(); v.exists() && in.ok(); v = v.next()) {
        const std::string path = fmt::format("rollout.windows.except[{}]", windows.except.size());
        const std::string_view text = v.is_string() ? v.string() : "";
        const auto dots = text.find("..");
        const auto from = parse_day(text.substr(0, dots));
        const auto to = dots == text.npos ? from : parse_day(text.substr(dots + 2));
        if (!from || !to || *to < *from)
            in.refuse(path, "a local date such as \"2026-12-24\", or two with .. between", v);
        windows.except.emplace_back(from.value_or(0), to.value_or(0));
    }
}

}  // namespace

bool is_zone_name(std::string_view text) {
    if (text.empty() || text.size() > RolloutWindows::zone_chars_max || text.front() == '/' ||
        text.back() == '/' || text.find("//") != text.npos)
        return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
               c == '-' || c == '_' || c == '/';
    });
}

bool RolloutWindows::has_path() const {
    return is_rollout_path(zone);
}

std::optional<RolloutWindows> read_windows(RolloutReader& in, JsonValue value) {
    static constexpr std::string_view names[] = {"zone", "fallback", "open", "except", "closing"};
    const JsonValue object = in.object(value, "rollout.windows", names);
    if (!object.exists()) return std::nullopt;
    RolloutWindows windows;
    if (object.find("zone").is_null_or_absent()) in.refuse("rollout.windows.zone", "is needed");
    windows.zone = in.text(object.find("zone"), "rollout.windows.zone").value_or("");
    const bool has_path = windows.has_path();
    if (!has_path && !is_zone_name(windows.zone)) {
        in.refuse("rollout.windows.zone",
                  "a time zone such as \"Europe/Berlin\", or a path such as \"tags.tz\"",
                  object.find("zone"));
    }
    const auto fallback = in.text(object.find("fallback"), "rollout.windows.fallback");
    if (has_path && !fallback)
        in.refuse("rollout.windows.fallback", "is needed with a path; \"skip\" leaves such devices alone");
    if (!has_path && fallback) in.refuse("rollout.windows.fallback", "only with a path in zone");
    if (fallback && *fallback != "skip") {
        windows.fallback = *fallback;
        if (!is_zone_name(*fallback))
            in.refuse("rollout.windows.fallback", "a time zone or \"skip\"", object.find("fallback"));
    }
    read_open_windows(in, object.find("open"), windows);
    read_excepted_days(in, object.find("except"), windows);
    const auto closing = in.duration(object.find("closing"), "rollout.windows.closing");
    windows.closing_s = closing ? (closing->ms + 999) / 1000 : closing_not_written;
    for (const auto& open : windows.open) {
        if (windows.closing_s >= open.for_s)
            in.refuse("rollout.windows.closing", "must be shorter than each window");
    }
    return windows;
}

std::optional<RolloutWindows> RolloutWindows::of(const Rollout& rollout, int response_timeout_s) {
    const auto document = JsonDocument::parse(rollout.text);
    if (!document) return std::nullopt;
    RolloutReader in(JobType::update_twin);
    auto windows = read_windows(in, document->root().find("windows"));
    if (windows && windows->closing_s == closing_not_written) windows->closing_s = response_timeout_s;
    return windows;
}

}  // namespace carillon
