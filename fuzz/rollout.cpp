// The `rollout` of a job: whatever is accepted is shown as an object that is accepted again and shown alike,
// is stored with its job and read back, and takes a patch of itself without a change.

#include "model/jobs/job.hpp"

namespace {

using namespace carillon;

void check(std::string_view text, JobType type) {
    const auto rollout = Rollout::parse(text, type);
    if (!rollout) {
        CARILLON_ASSERT(rollout.error().detail.starts_with("rollout"));
        return;
    }
    const std::string shown = rollout->effective_json();
    const auto again = Rollout::parse(shown, type);
    CARILLON_ASSERT(again && again->effective_json() == shown);
    CARILLON_ASSERT(rollout->warnings(type, 1000).size() <= 3);

    JobDefinition job;
    job.id = "fuzzed";
    job.type = type;
    job.rollout = std::make_shared<const Rollout>(*rollout);
    job.execution_time_max_s = rollout->deadline_s;
    const auto stored = decode_job_definition(as_bytes(encode_job_definition(job)));
    CARILLON_ASSERT(stored && *stored->rollout == *job.rollout);

    const auto nothing = JsonDocument::parse("{}");
    const auto patched = rollout->patched(nothing->root(), type);
    CARILLON_ASSERT(patched && patched->effective_json() == shown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(text, JobType::device_method);
    check(text, JobType::update_twin);
    return 0;
}
