#include "base/stored_bytes.hpp"
#include "model/jobs/job.hpp"

namespace carillon {

namespace {

/// Of a job without `rollout`.
constexpr std::uint8_t job_format_plain = 1;
/// Holds what follows everything else: who made the job, and how it goes over its devices.
constexpr std::uint8_t job_format_rollout = 2;
constexpr std::uint8_t rollout_flag = 1;  ///< In the flags of format 2.

// Which optional parts follow.
constexpr std::uint8_t condition_flag = 1;
constexpr std::uint8_t plain_ids_flag = 2;  ///< Written before `id_list_flag` was.
constexpr std::uint8_t method_flag = 4;
constexpr std::uint8_t patch_flag = 8;
constexpr std::uint8_t id_list_flag = 16;
constexpr std::uint8_t job_flags_known = 31;

// Of a patch: which sections it has.
constexpr std::uint8_t tags_flag = 1;
constexpr std::uint8_t desired_flag = 2;
constexpr std::uint8_t clear_tags_flag = 4;
constexpr std::uint8_t clear_desired_flag = 8;

void write_patch(StoredWriter& out, const TwinPatch& patch) {
    unsigned flags = 0;
    if (patch.tags) flags |= tags_flag;
    if (patch.desired) flags |= desired_flag;
    if (patch.clear_tags) flags |= clear_tags_flag;
    if (patch.clear_desired) flags |= clear_desired_flag;
    out.u8(static_cast<std::uint8_t>(flags));
    if (patch.tags) out.text(patch.tags->text());
    if (patch.desired) out.text(patch.desired->text());
}

std::optional<SectionPatch> read_section(StoredReader& in) {
    const auto document = JsonDocument::parse(in.text());
    if (document) {
        auto patch = SectionPatch::parse(document->root());
        if (patch) return *std::move(patch);
    }
    in.spoil();
    return std::nullopt;
}

TwinPatch read_patch(StoredReader& in) {
    TwinPatch patch;
    const std::uint8_t flags = in.u8();
    if (flags > 15) in.spoil();
    patch.clear_tags = (flags & clear_tags_flag) != 0;
    patch.clear_desired = (flags & clear_desired_flag) != 0;
    if (in.ok() && (flags & tags_flag) != 0) patch.tags = read_section(in);
    if (in.ok() && (flags & desired_flag) != 0) patch.desired = read_section(in);
    return patch;
}

MethodCall read_method(StoredReader& in) {
    MethodCall call;
    call.name = in.text();
    call.payload = in.text();
    call.response_timeout_s = static_cast<int>(in.u32());
    call.connect_timeout_s = static_cast<int>(in.u32());
    return call;
}

void read_format_2(StoredReader& in, JobDefinition& job) {
    const std::uint8_t flags = in.u8();
    if (flags > rollout_flag) in.spoil();
    job.creator.policy = in.text();
    job.creator.says = in.text();
    job.document_hash = in.text();
    if (!in.ok() || (flags & rollout_flag) == 0) return;
    job.seed = in.u64();
    auto rollout = Rollout::parse(in.text(), job.type);
    if (!rollout) return in.spoil();
    rollout->deadline_s = job.execution_time_max_s;
    job.rollout = std::make_shared<const Rollout>(*std::move(rollout));
}

}  // namespace

std::string encode_job_definition(const JobDefinition& job) {
    std::string bytes;
    StoredWriter out(bytes);
    unsigned flags = 0;
    if (job.condition) flags |= condition_flag;
    if (job.device_ids) flags |= id_list_flag;
    if (job.method) flags |= method_flag;
    if (job.patch) flags |= patch_flag;
    out.u8(job.rollout ? job_format_rollout : job_format_plain);
    out.u8(static_cast<std::uint8_t>(flags));
    out.u8(static_cast<std::uint8_t>(job.type));
    out.u8(static_cast<std::uint8_t>(job.flavour));
    out.i64(job.created.ticks);
    out.i64(job.start.ticks);
    out.i64(job.execution_time_max_s);
    out.text(job.id);
    out.text(job.method_json);
    out.text(job.update_twin_json);
    if (job.condition) out.text(*job.condition);
    if (job.device_ids) out.text(job.device_ids->block());
    if (job.method) {
        out.text(job.method->name);
        out.text(job.method->payload);
        out.u32(static_cast<std::uint32_t>(job.method->response_timeout_s));
        out.u32(static_cast<std::uint32_t>(job.method->connect_timeout_s));
    }
    if (job.patch) write_patch(out, *job.patch);
    if (job.rollout) {
        out.u8(rollout_flag);
        out.text(job.creator.policy);
        out.text(job.creator.says);
        out.text(job.document_hash);
        out.u64(job.seed);
        out.text(job.rollout->text);
    }
    return bytes;
}

Result<JobDefinition> decode_job_definition(Bytes bytes) {
    StoredReader in(bytes);
    JobDefinition job;
    const std::uint8_t format = in.u8();
    if (format != job_format_plain && format != job_format_rollout) in.spoil();
    const std::uint8_t flags = in.u8();
    const std::uint8_t type = in.u8();
    const std::uint8_t flavour = in.u8();
    if (flags > job_flags_known || type < 1 || type > 2 || flavour > 1) in.spoil();
    job.type = type == 1 ? JobType::device_method : JobType::update_twin;
    job.flavour = flavour == 0 ? Flavour::preview : Flavour::ga;
    job.created.ticks = in.i64();
    job.start.ticks = in.i64();
    job.execution_time_max_s = in.i64();
    job.id = in.text();
    job.method_json = in.text();
    job.update_twin_json = in.text();
    if ((flags & condition_flag) != 0) job.condition = in.text();
    if ((flags & plain_ids_flag) != 0) {
        std::vector<std::string_view> ids(in.count());
        for (std::string_view& id : ids) id = in.text();
        job.device_ids.emplace(std::move(ids));
    }
    if ((flags & id_list_flag) != 0) {
        auto ids = IdList::decode(in.text());
        if (!ids) return fail(std::move(ids).error());
        job.device_ids = *std::move(ids);
    }
    if ((flags & method_flag) != 0) job.method = read_method(in);
    if (in.ok() && (flags & patch_flag) != 0) job.patch = read_patch(in);
    if (in.ok() && format == job_format_rollout) read_format_2(in, job);
    if (!in.is_done()) return fail(Errc::store_corrupt, "a stored job does not decode");
    return job;
}

}  // namespace carillon
