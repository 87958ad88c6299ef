#include "base/log.hpp"

#include "base/json.hpp"
#include "base/log_format.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

Log log;

namespace {

std::atomic<LogFormat> format_now{LogFormat::text};

struct Least {
    std::atomic<LogLevel> level{LogLevel::info};
};
constinit Least least_of_all;
constinit std::array<Least, log_modules.size()> least;

constexpr std::array<std::pair<std::string_view, LogLevel>, 6> level_names{{{"trace", LogLevel::trace},
                                                                            {"debug", LogLevel::debug},
                                                                            {"info", LogLevel::info},
                                                                            {"warn", LogLevel::warn},
                                                                            {"error", LogLevel::error},
                                                                            {"off", LogLevel::off}}};

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::trace:
            return spdlog::level::trace;
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warn:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
        case LogLevel::off:
            return spdlog::level::off;
    }
    return spdlog::level::off;
}

spdlog::logger& logger() {
    // Never destroyed: other objects' destructors may log.
    static spdlog::logger* const instance = [] {
        auto made =
            std::make_unique<spdlog::logger>("carillon", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l %v", spdlog::pattern_time_type::utc);
        made->set_level(spdlog::level::trace);  // Modules have their own.
        made->flush_on(spdlog::level::warn);
        return made.release();
    }();
    return *instance;
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

std::string time_text() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    const std::time_t seconds = micros / 1'000'000;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                       utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, micros % 1'000'000);
}

bool is_key(std::string_view word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

/// Takes the value behind `key=`: up to the next space, or quoted.
std::string take_value(std::string_view& rest) {
    std::string value;
    const bool is_quoted = rest.starts_with('"');
    std::size_t at = is_quoted ? 1 : 0;
    for (; at < rest.size() && rest[at] != (is_quoted ? '"' : ' '); ++at) {
        if (is_quoted && rest[at] == '\\' && at + 1 < rest.size()) ++at;
        value += rest[at];
    }
    rest.remove_prefix(std::min(rest.size(), at + (is_quoted ? 1 : 0)));
    return value;
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view word) {
    for (const auto& [name, level] : level_names) {
        if (name == word) return level;
    }
    return std::nullopt;
}

std::string_view log_level_text(LogLevel level) {
    return level_names[static_cast<std::size_t>(level)].first;
}

void set_log_format(LogFormat format) {
    format_now = format;
}

LogFormat log_format() {
    return format_now;
}

LogLevel log_level() {
    return least_of_all.level;
}

void set_log_level(std::size_t module, LogLevel level) {
    least[module].level = level;
}

LogLevel log_level(std::size_t module) {
    return least[module].level;
}

bool Log::is_on(LogLevel level, std::size_t module) const {
    return level >= least[module].level.load(std::memory_order_relaxed);
}
void Log::set_level(LogLevel level) {
    least_of_all.level = level;
    for (Least& one : least) one.level = level;
}
void Log::flush() {
    logger().flush();
}

void Log::line(LogLevel level, std::size_t module, std::string_view text) {
    // A peer's text may hold a line break, which would let it forge a line of ours.
    std::string copy(text);
    std::replace_if(copy.begin(), copy.end(), is_control, '?');
    if (format_now == LogFormat::json) {
        const std::string json = log_line_json(time_text(), log_level_text(level), log_modules[module], copy);
        std::fputs((json + '\n').c_str(), stderr);  // One call, so that lines stay whole.
        return;
    }
    logger().log(to_spdlog(level), spdlog::string_view_t(copy.data(), copy.size()));
}

std::string log_line_json(std::string_view time, std::string_view level, std::string_view module,
                          std::string_view text) {
    std::string message;
    std::vector<std::pair<std::string, std::string>> members;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        const std::size_t equals = rest.substr(0, end).find('=');
        if (equals != std::string_view::npos && is_key(rest.substr(0, equals))) {
            std::string key(rest.substr(0, equals));
            rest.remove_prefix(equals + 1);
            members.emplace_back(std::move(key), take_value(rest));
        } else {
            if (!message.empty()) message += ' ';
            message += rest.substr(0, end);
            rest.remove_prefix(end);
        }
        while (rest.starts_with(' ')) rest.remove_prefix(1);
    }
    std::string out;
    JsonWriter json(out);
    json.begin_object()
        .member("time", time)
        .member("level", level)
        .member("module", module)
        .member("message", message);
    for (const auto& [key, value] : members) json.member(key, value);
    json.end_object();
    return out;
}

}  // namespace carillon
