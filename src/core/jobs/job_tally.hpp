#pragma once

#include "base/errc.hpp"
#include "core/jobs/job_events.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class Packer;
class Unpacker;

/// Why devices of a job failed and what they answered, counted in groups: a part of the fold of its
/// events, so that a restart counts the same. Bounded: what differs from all groups there are, once
/// they are as many as may be, is counted without its name.
///
/// Failures are one group if code and description agree. Numbers in a description of the kind `other`
/// read `#`, as they often differ from device to device ("would take 9170 bytes").
class JobTally {
public:
    static constexpr std::size_t texts_max = 32;        ///< Groups of kind `other`; then `unnamed_failures`.
    static constexpr std::size_t text_bytes_max = 256;  ///< Of a description; the rest is cut off.
    static constexpr std::size_t answers_max = 16;      ///< Distinct statuses; then `unnamed_answers`.

    struct Failures {
        Failure failure;  ///< What the group has in common.
        std::uint64_t count = 0;
        bool operator==(const Failures& o) const;
    };
    struct Answers {
        int status = 0;
        std::uint64_t count = 0;
        bool operator==(const Answers&) const = default;
    };

    void add_failure(const Failure& failure);
    void add_failure(FailReason reason);
    void add_answer(int status);

    /// Adds what another part counted; after the last one `trim` brings the sum within the bounds, by its
    /// largest groups.
    JobTally& operator+=(const JobTally& o);
    void trim();

    /// In no particular order.
    const std::vector<Failures>& failures() const { return failures_; }
    const std::vector<Answers>& answers() const { return answers_; }
    /// Those that found no room for a group of their own.
    std::uint64_t unnamed_failures() const { return unnamed_failures_; }
    std::uint64_t unnamed_answers() const { return unnamed_answers_; }

    std::uint64_t failed() const;
    bool operator==(const JobTally&) const = default;

    /// As stored in a job's status record (docs/jobs.md).
    void pack(Packer& pack) const;
    /// False if it does not decode.
    bool unpack(Unpacker& in);

private:
    Failures* find(const Failure& grouped);
    void add(Failure grouped, std::uint64_t count);

    std::vector<Failures> failures_;
    std::vector<Answers> answers_;
    std::uint64_t unnamed_failures_ = 0;
    std::uint64_t unnamed_answers_ = 0;
};

/// A description as groups know it: numbers as `#`, and not too long.
std::string grouped_description(std::string_view text);

}  // namespace carillon
