#pragma once

#include "core/jobs/chain/log_chain.hpp"
#include "core/jobs/job_log.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// Something in a job's log that is not as its chain says.
struct LogFault {
    std::uint32_t part = job_log_part;  ///< Of a part's log, or the job's own.
    std::uint64_t sequence = 0;         ///< The event; 0 if it is none in particular.
    std::string what;
    bool operator==(const LogFault&) const = default;
};

/// What a check of a job's log has found.
struct LogReport {
    bool is_chained = true;
    std::uint64_t events = 0;
    std::uint64_t seals = 0;
    std::optional<Sha256Digest> seal;   ///< The newest.
    std::optional<FinalSeal> previous;  ///< That it ends the chain over jobs with: the job before.
    std::vector<LogFault> faults;       ///< The first ones.
    bool is_intact() const { return is_chained && faults.empty(); }
};

/// Compares a job's log with its chain and seals: first the job's own log, then those of the parts, each
/// event in order of keys. Reads nothing by itself. Format: docs/jobs.md.
class LogCheck {
public:
    static constexpr std::size_t faults_max = 16;

    /// `seal`: one that was kept elsewhere, and must be there. `has_ended`: so there must be a final one.
    LogCheck(std::optional<Sha256Digest> seal, bool has_ended) : wanted_(seal), has_ended_(has_ended) {}

    void add(std::string_view key, std::string_view value);
    /// After the last event.
    LogReport finish();

private:
    void add_own(std::uint64_t sequence, std::string_view value, const Sha256Digest& hash);
    void fault(std::uint32_t part, std::uint64_t sequence, std::string what);

    const std::optional<Sha256Digest> wanted_;
    const bool has_ended_;
    LogReport report_;
    std::uint32_t part_ = job_log_part;
    Sha256Digest head_{};  ///< Of the log that is being read.
    std::uint64_t first_sequence_ = 0;
    bool has_wanted_ = false;
    bool is_sealed_ = false;  ///< The last event of the job's own log is its final seal.
    /// What seals say of the parts, by part and sequence.
    std::map<std::pair<std::uint32_t, std::uint64_t>, Sha256Digest> sealed_;
};

}  // namespace carillon
