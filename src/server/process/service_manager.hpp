#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// systemd, where it started this process with `Type=notify`; elsewhere nothing is said to anybody. One
/// thread at a time. Source: sd_notify(3), whose datagrams these are; libsystemd would be one more library
/// for four lines.
class ServiceManager {
public:
    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    static ServiceManager from_environment();
    /// `socket` is a path, or begins with `@` for an abstract name; empty for nobody.
    ServiceManager(std::string socket, std::optional<std::chrono::microseconds> watchdog)
        : socket_(std::move(socket)), watchdog_(watchdog) {}

    void ready(std::string_view status) const;
    void reloading() const;
    void stopping() const;
    /// The process is well. To be said at least every `watchdog()`.
    void alive() const;
    /// Half of the time after which systemd ends a process that says nothing; nothing if it does not watch.
    std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

private:
    void say(const std::string& text) const;

    std::string socket_;
    std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace carillon
