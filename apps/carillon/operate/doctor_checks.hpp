#pragma once

#include "server/settings/config.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace carillon {

/// What one look at the machine found.
struct Finding {
    enum class Verdict : std::uint8_t { good, warning, bad };
    std::string check;
    Verdict verdict = Verdict::good;
    std::string found{};
    std::string advice{};  ///< What to do; empty if there is nothing to do.
};

/// Looks at the machine as a hub of this configuration needs it: ports, descriptors, disk, clock,
/// certificates, names. `runs` says that a hub of it runs now, which then has the ports. Writes a small file
/// into the data directory, if that is there, and removes it.
std::vector<Finding> examine_machine(const ServerConfig& config, bool runs);

/// One JSON object a finding.
std::string finding_json(const Finding& finding);

// The judgements, apart from the looking.
Finding judge_descriptors(std::uint64_t soft, std::uint64_t hard);
/// `sync_us` is the median time of a small synced write.
Finding judge_disk_speed(double sync_us);
Finding judge_disk_room(std::uint64_t free_bytes, std::uint64_t bytes);
/// `mode` is the content of `transparent_hugepage/enabled`, such as `always [madvise] never`.
Finding judge_huge_pages(const std::string& mode);
Finding judge_certificate(const std::string& file, std::int64_t seconds_left);

}  // namespace carillon
