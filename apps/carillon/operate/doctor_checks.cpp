#include "operate/doctor_checks.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "net/io_thread.hpp"
#include "net/listener.hpp"
#include "server/certificates/certificate_dates.hpp"
#include "server/private_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

namespace carillon {
namespace {

using Verdict = Finding::Verdict;

constexpr std::uint64_t descriptors_few = 4096;
constexpr double sync_slow_us = 10'000;
constexpr double sync_bad_us = 200'000;
constexpr std::uint64_t mebibyte = 1024 * 1024;
constexpr std::uint64_t room_low = 1024 * mebibyte;
constexpr std::uint64_t room_bad = 256 * mebibyte;
constexpr std::int64_t day_s = 24 * 3600;
constexpr std::int64_t ends_soon_s = 14 * day_s;
constexpr int sync_tries = 31;

/// Binds the port to see whether it is free, and accepts no connection.
class NoConnections final : public ConnectionFactory {
public:
    void accepted(std::unique_ptr<Channel>) override {}
};

std::string line_of(const char* file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

Finding look_at_port(const std::string& address, std::uint16_t port, const char* what, bool runs) {
    Finding finding{.check = "ports", .found = fmt::format("{} port {} of {}", what, port, address)};
    SystemClock clock;
    IoThreads threads(1, clock);
    NoConnections nobody;
    Listener::Options options;
    options.address = address;
    options.port = port;
    const auto opened = Listener::open(threads, nobody, std::move(options));
    if (opened) {
        finding.found += runs ? " is free, although the hub runs" : " is free";
        if (runs) finding.verdict = Verdict::warning;
        if (runs) finding.advice = "The hub that runs was started with other settings.";
        return finding;
    }
    const std::string& why = opened.error().detail;
    if (why == std::strerror(EADDRINUSE)) {
        finding.found += runs ? " is the running hub's" : " is taken by another program";
        if (runs) return finding;
        finding.advice = "`ss -ltnp` shows which. Stop it, or choose another port or address (bind).";
    } else if (why == std::strerror(EACCES)) {
        finding.found += ": " + why;
        finding.advice =
            "Ports below 1024 need a right: setcap cap_net_bind_service=+ep on the program, "
            "AmbientCapabilities= in the unit, or sysctl net.ipv4.ip_unprivileged_port_start.";
    } else {
        finding.found += ": " + why;
        finding.advice = "Name an address that this machine has (bind).";
    }
    finding.verdict = Verdict::bad;
    return finding;
}

void look_at_ports(const ServerConfig& config, bool runs, std::vector<Finding>& findings) {
    const std::vector<std::string> addresses =
        config.bind.empty() ? std::vector<std::string>{"127.0.0.1"} : config.bind;
    for (const std::string& address : addresses) {
        findings.push_back(look_at_port(address, config.mqtts_port, "MQTT", runs));
        findings.push_back(look_at_port(address, config.https_port, "HTTPS", runs));
        if (config.amqps_port != 0)
            findings.push_back(look_at_port(address, config.amqps_port, "AMQP", runs));
    }
    if (config.admin_port != 0) {
        findings.push_back(look_at_port(config.admin_bind, config.admin_port, "admin", runs));
    }
}

/// The median time, in microseconds, of a small write that is synced; nothing if the folder takes none.
std::optional<double> measure_sync(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / ".doctor";
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return std::nullopt;
    const std::array<char, 4096> block{};
    std::vector<double> times;
    bool is_good = true;
    for (int i = 0; i < sync_tries && is_good; ++i) {
        const auto began = std::chrono::steady_clock::now();
        is_good = ::write(file, block.data(), block.size()) == static_cast<ssize_t>(block.size()) &&
                  ::fdatasync(file) == 0;
        const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
        times.push_back(took.count());
    }
    ::close(file);
    ::unlink(path.c_str());
    if (!is_good) return std::nullopt;
    std::nth_element(times.begin(), times.begin() + sync_tries / 2, times.end());
    return times[sync_tries / 2];
}

void look_at_disk(const std::string& data_dir, std::vector<Finding>& findings) {
    std::error_code error;
    std::filesystem::path folder = std::filesystem::absolute(data_dir, error);
    const bool is_there = std::filesystem::exists(folder, error);
    while (!std::filesystem::exists(folder, error) && folder.has_relative_path())
        folder = folder.parent_path();
    Finding place{.check = "data", .found = folder.string()};
    if (!is_there) place.found = data_dir + " is not there yet; a start makes it in " + folder.string();
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        place.verdict = Verdict::bad;
        place.found += " cannot be written: " + std::string(std::strerror(errno));
        place.advice = "Give it to the user who runs the hub (chown), or name another (data_dir).";
    }
    findings.push_back(place);
    const auto space = std::filesystem::space(folder, error);
    if (!error) findings.push_back(judge_disk_room(space.available, space.capacity));
    if (place.verdict == Verdict::bad) return;
    const auto sync_us = measure_sync(folder);
    if (sync_us) {
        findings.push_back(judge_disk_speed(*sync_us));
    } else {
        findings.push_back({.check = "disk speed",
                            .verdict = Verdict::bad,
                            .found = "a small file cannot be written and synced in " + folder.string(),
                            .advice = "Look at the disk: it is full, or fails."});
    }
}

Finding look_at_clock() {
    Finding finding{.check = "clock"};
    timex state{};
    const int kept = ::adjtimex(&state);
    const auto now = SystemClock().wall_now();
    finding.found = to_iso8601(now);
    constexpr std::int64_t this_program_s = 1'764'000'000;  // It was made later than this.
    if (now.unix_s() < this_program_s) {
        finding.verdict = Verdict::bad;
        finding.found += ", which is in the past";
        finding.advice = "Set the clock: tokens and certificates are not valid yet.";
    } else if (kept < 0 || (state.status & STA_UNSYNC) != 0) {
        finding.verdict = Verdict::warning;
        finding.found += ", and nothing keeps it right";
        finding.advice = "Run an NTP client (systemd-timesyncd, chrony): tokens and schedules go by it.";
    }
    return finding;
}

void look_at_certificates(const ServerConfig& config, std::vector<Finding>& findings) {
    std::vector<std::string> files;
    if (!config.tls_certificate.empty()) {
        files.push_back(config.tls_certificate);
    } else {
        std::error_code error;
        for (std::filesystem::directory_iterator at(config.data_dir, error), end; !error && at != end;
             at.increment(error)) {
            const std::string name = at->path().filename().string();
            if (name.ends_with(".pem") && name.find("key") == std::string::npos)
                files.push_back(at->path().string());
        }
    }
    std::sort(files.begin(), files.end());
    const auto now = SystemClock().wall_now();
    for (const std::string& file : files) {
        const auto end = certificate_end(file);
        if (end) {
            findings.push_back(judge_certificate(file, end->unix_s() - now.unix_s()));
        } else {
            findings.push_back({.check = "certificates",
                                .verdict = Verdict::bad,
                                .found = end.error().detail,
                                .advice = "Name a PEM file with the certificate first (tls.certificate)."});
        }
    }
    if (files.empty()) findings.push_back({.check = "certificates", .found = "none yet; a start makes them"});
}

Finding look_at_name(const std::string& name) {
    Finding finding{.check = "names", .found = name + " is known"};
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(name.c_str(), nullptr, nullptr, &found);
    if (found != nullptr) ::freeaddrinfo(found);
    if (error == 0) return finding;
    finding.verdict = Verdict::warning;
    finding.found = fmt::format("{} is not known on this machine: {}", name, ::gai_strerror(error));
    finding.advice = "Add it to the DNS or to /etc/hosts here, and wherever devices and back ends run.";
    return finding;
}

Finding look_at_backlog() {
    const auto most = parse_u64(trimmed(line_of("/proc/sys/net/core/somaxconn")));
    Finding finding{.check = "backlog", .found = fmt::format("net.core.somaxconn is {}", most.value_or(0))};
    if (most && *most < static_cast<std::uint64_t>(Listener::backlog)) {
        finding.verdict = Verdict::warning;
        finding.advice = fmt::format("sysctl net.core.somaxconn={}: a fleet that reconnects arrives at once.",
                                     Listener::backlog);
    }
    return finding;
}

}  // namespace

Finding judge_descriptors(std::uint64_t soft, std::uint64_t hard) {
    Finding finding{.check = "descriptors",
                    .found = fmt::format("{} may be open, and each connection is one", hard)};
    if (soft < hard) finding.found += fmt::format(" (the hub raises its limit of {} to that)", soft);
    if (hard < descriptors_few) {
        finding.verdict = Verdict::warning;
        finding.advice = "Raise it: LimitNOFILE= in the unit, or `ulimit -Hn` in the shell.";
    }
    return finding;
}

Finding judge_disk_speed(double sync_us) {
    Finding finding{.check = "disk speed",
                    .found = fmt::format("a small synced write takes {:.0f} us", sync_us)};
    if (sync_us <= sync_slow_us) return finding;
    finding.verdict = sync_us > sync_bad_us ? Verdict::bad : Verdict::warning;
    finding.advice =
        "Every acknowledged change waits for one such write: use a local SSD, not a network disk.";
    return finding;
}

Finding judge_disk_room(std::uint64_t free_bytes, std::uint64_t bytes) {
    Finding finding{
        .check = "disk room",
        .found = fmt::format("{} MiB of {} MiB are free", free_bytes / mebibyte, bytes / mebibyte)};
    if (free_bytes >= room_low) return finding;
    finding.verdict = free_bytes < room_bad ? Verdict::bad : Verdict::warning;
    finding.advice = "Free room, or move the data: on a full disk the hub answers 503 to every change.";
    return finding;
}

Finding judge_huge_pages(const std::string& mode) {
    Finding finding{.check = "huge pages", .found = mode.empty() ? "the system has none" : mode};
    if (mode.find("[never]") != std::string::npos) {
        finding.verdict = Verdict::warning;
        finding.advice =
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled: jobs and queries over a large fleet "
            "wait for memory.";
    }
    return finding;
}

Finding judge_certificate(const std::string& file, std::int64_t seconds_left) {
    Finding finding{.check = "certificates"};
    if (seconds_left < 0) {
        finding.verdict = Verdict::bad;
        finding.found = fmt::format("{} ended {} days ago", file, -seconds_left / day_s);
    } else {
        finding.found = fmt::format("{} is valid for {} days", file, seconds_left / day_s);
        if (seconds_left < ends_soon_s) finding.verdict = Verdict::warning;
    }
    if (finding.verdict != Verdict::good) {
        finding.advice =
            "Put a new one in its place, then SIGHUP; one that the hub made itself is renewed by a start.";
    }
    return finding;
}

std::string finding_json(const Finding& finding) {
    constexpr std::array<const char*, 3> words{"ok", "warning", "failed"};
    std::string text;
    JsonWriter(text)
        .begin_object()
        .member("result", words[static_cast<std::size_t>(finding.verdict)])
        .member("check", finding.check)
        .member("found", finding.found)
        .member("advice", finding.advice)
        .end_object();
    return text;
}

std::vector<Finding> examine_machine(const ServerConfig& config, bool runs) {
    std::vector<Finding> findings;
    look_at_ports(config, runs, findings);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    findings.push_back(judge_descriptors(limit.rlim_cur, limit.rlim_max));
    findings.push_back(look_at_backlog());
    look_at_disk(config.data_dir, findings);
    findings.push_back(look_at_clock());
    look_at_certificates(config, findings);
    findings.push_back(judge_huge_pages(line_of("/sys/kernel/mm/transparent_hugepage/enabled")));
    for (const std::string& name : config.hostnames) findings.push_back(look_at_name(name));
    return findings;
}

}  // namespace carillon
