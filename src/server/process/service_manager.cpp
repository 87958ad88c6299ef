#include "server/process/service_manager.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace carillon {
namespace {

std::string_view variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
    std::optional<std::chrono::microseconds> watchdog;
    const auto interval_us = parse_i64(variable("WATCHDOG_USEC"));
    const auto pid = parse_i64(variable("WATCHDOG_PID"));
    const bool is_meant = variable("WATCHDOG_PID").empty() || pid == ::getpid();
    if (interval_us && *interval_us > 0 && is_meant) watchdog = std::chrono::microseconds(*interval_us / 2);
    return {std::string(variable("NOTIFY_SOCKET")), watchdog};
}

void ServiceManager::ready(std::string_view status) const {
    say("READY=1\nSTATUS=" + std::string(status));
}

void ServiceManager::reloading() const {
    say("RELOADING=1");
}

void ServiceManager::stopping() const {
    say("STOPPING=1\nSTATUS=Stopping");
}

void ServiceManager::alive() const {
    say("WATCHDOG=1");
}

void ServiceManager::say(const std::string& text) const {
    if (socket_.empty()) return;
    sockaddr_un address{};
    if (socket_.size() >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    std::copy(socket_.begin(), socket_.end(), address.sun_path);
    if (socket_.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    // The interface of sockets takes every address as this one.
    const auto* const to = reinterpret_cast<const sockaddr*>(&address);
    const bool is_said =
        descriptor >= 0 && ::sendto(descriptor, text.data(), text.size(), MSG_NOSIGNAL, to, size) >= 0;
    if (!is_said) log.warn("service manager not told reason={}", std::strerror(errno));
    if (descriptor >= 0) ::close(descriptor);
}

}  // namespace carillon
