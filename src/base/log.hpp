#pragma once

#include <fmt/core.h>
#include <string_view>

namespace carillon {

enum class LogLevel { trace, debug, info, warn, error, off };

/// The process's log, on standard error: `log.info("twin patched device={} version={}", id, v)`.
/// Events are in the past tense and followed by `key=value`. `error` is our fault and wants a
/// person, `warn` our trouble that heals, `info` a change of state, `debug` a peer's mistake,
/// `trace` traffic. Never payloads, keys or tokens. Safe from any thread.
class Log {
public:
    template <class... Args>
    void trace(fmt::format_string<Args...> format, Args&&... args) {
        write(LogLevel::trace, format, args...);
    }
    template <class... Args>
    void debug(fmt::format_string<Args...> format, Args&&... args) {
        write(LogLevel::debug, format, args...);
    }
    template <class... Args>
    void info(fmt::format_string<Args...> format, Args&&... args) {
        write(LogLevel::info, format, args...);
    }
    template <class... Args>
    void warn(fmt::format_string<Args...> format, Args&&... args) {
        write(LogLevel::warn, format, args...);
    }
    template <class... Args>
    void error(fmt::format_string<Args...> format, Args&&... args) {
        write(LogLevel::error, format, args...);
    }

    bool is_on(LogLevel level) const;
    void set_level(LogLevel level);
    /// Writes what is buffered; call before the process ends.
    void flush();

private:
    template <class Format, class... Args>
    void write(LogLevel level, const Format& format, Args&... args) {
        if (is_on(level)) line(level, fmt::vformat(format, fmt::make_format_args(args...)));
    }
    void line(LogLevel level, std::string_view text);
};

extern Log log;

}  // namespace carillon
