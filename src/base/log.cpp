#include "base/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <string>

namespace carillon {

Log log;

namespace {

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
        made->set_level(spdlog::level::info);
        made->flush_on(spdlog::level::warn);
        return made.release();
    }();
    return *instance;
}

}  // namespace

bool Log::is_on(LogLevel level) const {
    return logger().should_log(to_spdlog(level));
}
void Log::set_level(LogLevel level) {
    logger().set_level(to_spdlog(level));
}
void Log::flush() {
    logger().flush();
}

void Log::line(LogLevel level, std::string_view text) {
    // A peer's text may hold a line break, which would let it forge a line of ours.
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    bool clean = true;
    for (char c : text) clean = clean && !is_control(c);
    if (clean) {
        logger().log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
        return;
    }
    std::string copy(text);
    for (char& c : copy) {
        if (is_control(c)) c = '?';
    }
    logger().log(to_spdlog(level), spdlog::string_view_t(copy.data(), copy.size()));
}

}  // namespace carillon
