#pragma once

#include "base/log_module.hpp"

#include <fmt/core.h>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace carillon {

enum class LogLevel { trace, debug, info, warn, error, off };

/// A line's text, and the module in whose source it stands.
template <class... Args>
struct LocatedText {
    template <class Text>
    consteval LocatedText(const Text& line,  // NOLINT: it stands for the text
                          const char* file = __builtin_FILE())
        : text(line), module(log_module_of(file)) {}
    fmt::format_string<Args...> text;
    std::size_t module;
};
template <class... Args>
using LogText = LocatedText<std::type_identity_t<Args>...>;

/// The process's log, on standard error: `log.info("twin patched device={} version={}", id, v)`.
/// Events are in the past tense and followed by `key=value`. `error` is our fault and wants a
/// person, `warn` our trouble that heals, `info` a change of state, `debug` a peer's mistake,
/// `trace` traffic. Never payloads, keys or tokens. Safe from any thread.
class Log {
public:
    template <class... Args>
    void trace(LogText<Args...> format, Args&&... args) {
        write(LogLevel::trace, format, args...);
    }
    template <class... Args>
    void debug(LogText<Args...> format, Args&&... args) {
        write(LogLevel::debug, format, args...);
    }
    template <class... Args>
    void info(LogText<Args...> format, Args&&... args) {
        write(LogLevel::info, format, args...);
    }
    template <class... Args>
    void warn(LogText<Args...> format, Args&&... args) {
        write(LogLevel::warn, format, args...);
    }
    template <class... Args>
    void error(LogText<Args...> format, Args&&... args) {
        write(LogLevel::error, format, args...);
    }

    /// Whether lines of a level are written by this module.
    bool is_on(LogLevel level, std::size_t module) const;
    /// For all modules.
    void set_level(LogLevel level);
    /// Writes what is buffered; call before the process ends.
    void flush();

private:
    template <class Format, class... Args>
    void write(LogLevel level, const Format& format, Args&... args) {
        if (!is_on(level, format.module)) return;
        line(level, format.module, fmt::vformat(format.text, fmt::make_format_args(args...)));
    }
    static void line(LogLevel level, std::size_t module, std::string_view text);
};

extern Log log;

}  // namespace carillon
