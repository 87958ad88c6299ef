#include "core/jobs/job_record.hpp"

#include "base/pack.hpp"
#include "base/stored_number.hpp"

namespace carillon {
namespace {

constexpr std::uint8_t format_version = 1;

enum Flag : std::uint8_t { cancelling = 1, has_counts = 2, has_tally = 4 };

std::string keyed(char kind, std::uint64_t job) {
    std::string key(1, kind);
    append_be(key, job);
    return key;
}

}  // namespace

std::string encode_job_record(const JobRecord& record) {
    std::string out;
    Packer pack{out};
    pack.u8(format_version);
    pack.u8(
        static_cast<std::uint8_t>(record.status == JobStatus::scheduled ? JobStatus::queued : record.status));
    pack.u8(static_cast<std::uint8_t>((record.is_cancelling ? cancelling : 0) |
                                      (record.counts ? has_counts : 0) | (record.tally ? has_tally : 0)));
    pack.time(record.started);
    pack.time(record.ended);
    pack.text(record.failure_reason);
    if (record.counts) {
        pack.number(record.counts->pending);
        pack.number(record.counts->running);
        pack.number(record.counts->succeeded);
        pack.number(record.counts->failed);
        pack.number(record.counts->canceled);
    }
    if (record.tally) record.tally->pack(pack);
    return out;
}

Result<JobRecord> decode_job_record(Bytes bytes) {
    Unpacker in{bytes};
    const auto version = in.u8();
    const auto status = in.u8();
    const auto flags = in.u8();
    JobRecord record;
    record.status = static_cast<JobStatus>(status);
    record.is_cancelling = (flags & cancelling) != 0;
    record.started = in.time();
    record.ended = in.time();
    record.failure_reason = in.text();
    if ((flags & has_counts) != 0) {
        JobCounts counts;
        counts.pending = in.number();
        counts.running = in.number();
        counts.succeeded = in.number();
        counts.failed = in.number();
        counts.canceled = in.number();
        counts.device = counts.pending + counts.running + counts.succeeded + counts.failed + counts.canceled;
        record.counts = counts;
    }
    if ((flags & has_tally) != 0 && !record.tally.emplace().unpack(in)) {
        return fail(Errc::store_corrupt, "a job's status record does not decode");
    }
    if (!in.at_end() || version != format_version ||
        status > static_cast<std::uint8_t>(JobStatus::cancelled)) {
        return fail(Errc::store_corrupt, "a job's status record does not decode");
    }
    return record;
}

std::string job_definition_key(std::uint64_t job) {
    return keyed('d', job);
}
std::string job_record_key(std::uint64_t job) {
    return keyed('s', job);
}
std::uint64_t job_of_key(std::string_view key) {
    return key.empty() ? 0 : read_be<std::uint64_t>(key.substr(1));
}

}  // namespace carillon
