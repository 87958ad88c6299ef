#pragma once

#include "base/result.hpp"
#include "load/hub.hpp"

#include <sys/types.h>
#include <chrono>
#include <filesystem>
#include <string>

namespace carillon::kill {

/// `carillon serve` as a child process on one data folder, started and killed again and again; its
/// ports stay the same. The child dies with us.
class HubProcess {
public:
    /// Listens on `address`, an IPv4 address of the loopback net.
    HubProcess(std::string binary, std::filesystem::path folder, std::string address = "127.73.0.1");
    ~HubProcess();

    /// Starts it and returns; ready once `is_ready`. Its output goes to `hub.log` in the folder.
    void start();
    /// True once it accepts connections. Fails if it ended instead.
    Result<bool> is_ready();
    /// SIGKILL.
    void kill();
    /// SIGTERM; answers its exit code, or nothing but -1 if it had to be killed.
    int stop();

    /// Where and with which policy key to reach it; once it was ready.
    Result<load::Target> target() const;
    std::uint16_t amqps_port() const { return amqps_port_; }

private:
    int wait_for_end(std::chrono::milliseconds patience);

    std::string binary_;
    std::filesystem::path folder_;
    std::string address_;
    std::uint16_t mqtts_port_;
    std::uint16_t https_port_;
    std::uint16_t amqps_port_;
    pid_t pid_ = -1;
};

}  // namespace carillon::kill
