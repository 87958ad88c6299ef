#include "kill/hub_process.hpp"

#include "base/text.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace carillon::kill {
namespace {

constexpr const char* host_name = "hub.localhost";
constexpr auto stop_patience = std::chrono::seconds(60);

std::uint16_t free_port(std::uint32_t address) {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(address);
    socklen_t size = sizeof at;
    const bool is_bound = ::bind(probe, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
                          ::getsockname(probe, reinterpret_cast<sockaddr*>(&at), &size) == 0;
    ::close(probe);
    CARILLON_ASSERT(is_bound);
    return ntohs(at.sin_port);
}

}  // namespace

HubProcess::HubProcess(std::string binary, std::filesystem::path folder, std::string address)
    : binary_(std::move(binary)), folder_(std::move(folder)), address_(std::move(address)) {
    const std::uint32_t parsed = load::parse_address(address_);
    mqtts_port_ = free_port(parsed);
    https_port_ = free_port(parsed);
    amqps_port_ = free_port(parsed);
}

HubProcess::~HubProcess() {
    if (pid_ > 0) kill();
}

void HubProcess::start() {
    const std::string ready = (folder_ / "ready").string();
    const std::string data = (folder_ / "data").string();
    const std::string log = (folder_ / "hub.log").string();
    const std::string mqtts = std::to_string(mqtts_port_);
    const std::string https = std::to_string(https_port_);
    const std::string amqps = std::to_string(amqps_port_);
    std::filesystem::remove(ready);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    CARILLON_ASSERT(pid_ >= 0);
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::execl(binary_.c_str(), "carillon", "serve", "--data-dir", data.c_str(), "--hostname", host_name,
            "--bind", address_.c_str(), "--mqtts-port", mqtts.c_str(), "--https-port", https.c_str(),
            "--amqps-port", amqps.c_str(), "--ready-file", ready.c_str(), nullptr);
    ::_exit(127);
}

Result<bool> HubProcess::is_ready() {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return fail(Errc::io_failed, "the hub ended by itself with status " + std::to_string(status));
    }
    return std::filesystem::exists(folder_ / "ready");
}

void HubProcess::kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

int HubProcess::stop() {
    ::kill(pid_, SIGTERM);
    return wait_for_end(stop_patience);
}

int HubProcess::wait_for_end(std::chrono::milliseconds patience) {
    constexpr auto step = std::chrono::milliseconds(20);
    for (auto waited = std::chrono::milliseconds(0); waited < patience; waited += step) {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        }
        std::this_thread::sleep_for(step);
    }
    kill();
    return -1;
}

Result<load::Target> HubProcess::target() const {
    const std::string command =
        "'" + binary_ + "' connection-string --data-dir '" + (folder_ / "data").string() + "'";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    CARILLON_ASSERT(pipe != nullptr);
    std::array<char, 1024> line{};
    const bool is_read = std::fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr;
    if (::pclose(pipe) != 0 || !is_read) return fail(Errc::io_failed, "connection-string printed nothing");
    auto policy = sas::parse_connection_string(trimmed(line.data()));
    if (!policy) return fail(std::move(policy).error());
    load::Target target;
    target.mqtts = {load::parse_address(address_), mqtts_port_};
    target.https = {load::parse_address(address_), https_port_};
    target.host_name = policy->host_name;
    target.policy = *std::move(policy);
    return target;
}

}  // namespace carillon::kill
