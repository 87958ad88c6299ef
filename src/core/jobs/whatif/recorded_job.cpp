#include "core/jobs/whatif/recorded_job.hpp"

#include "base/stored_number.hpp"
#include "core/jobs/job_state.hpp"
#include "core/jobs/reports/device_reports.hpp"
#include "core/jobs/reports/on_storage.hpp"

#include <fmt/core.h>

namespace carillon {
namespace {

/// What nobody looks at takes no room.
void strip(JobEvent& event) {
    if (auto* known = std::get_if<Outcomes2Event>(&event)) {
        for (auto& outcome : known->outcomes) {
            outcome.answer.payload.clear();
            outcome.failure.text.clear();
        }
    } else if (auto* written = std::get_if<WrittenEvent>(&event)) {
        written->reversals.clear();
        for (auto& device : written->devices) {
            device.reversal = 0;
            device.version = 0;
            device.failure.text.clear();
        }
    } else if (auto* confirmed = std::get_if<ConfirmedEvent>(&event)) {
        for (auto& device : confirmed->devices) device.failure.text.clear();
    }
}

constexpr std::size_t tape_head_bytes = sizeof(std::uint64_t) + sizeof(std::uint32_t);

}  // namespace

void PartTape::add(std::uint64_t sequence, JobEvent event) {
    strip(event);
    const auto value = encode_job_event(event);
    append_be(bytes_, sequence);
    append_be(bytes_, static_cast<std::uint32_t>(value.size()));
    bytes_ += value;
}

TapeReader::TapeReader(const PartTape& tape) : left_(tape.view()) {
    advance();
}

void TapeReader::advance() {
    event_.reset();
    if (left_.empty()) return;
    sequence_ = read_be<std::uint64_t>(left_);
    const auto size = read_be<std::uint32_t>(left_.substr(sizeof(std::uint64_t)));
    auto event = decode_job_event(as_bytes(left_.substr(tape_head_bytes, size)));
    CARILLON_ASSERT(event);
    event_.emplace(*std::move(event));
    left_.remove_prefix(tape_head_bytes + size);
}

std::vector<std::uint64_t> RecordedJob::sizes() const {
    std::vector<std::uint64_t> sizes;
    for (const auto& part : parts) sizes.push_back(part.devices);
    return sizes;
}

std::vector<std::vector<std::uint32_t>> RecordedJob::places() const {
    std::vector<std::vector<std::uint32_t>> places;
    if (definition->rollout->order.kind == RolloutOrderKind::as_stored) return places;
    for (const auto& part : parts) places.push_back(part.places);
    return places;
}

bool is_decided(const JobLogEvent& event) {
    return std::holds_alternative<DirectedEvent>(event) || std::holds_alternative<WaveOpenedEvent>(event) ||
           std::holds_alternative<WaveJudgedEvent>(event) ||
           std::holds_alternative<RuleTrippedEvent>(event) || std::holds_alternative<TestedEvent>(event) ||
           std::holds_alternative<ChangedEvent>(event) || std::holds_alternative<JobEndedEvent>(event);
}

// --- reading -------------------------------------------------------------------------------------

namespace {

/// What one look at the store takes up.
struct RecordReading {
    RecordedJob job;
    RecordedJobLimits limits;
    std::uint64_t number = 0;
    std::uint32_t part = job_log_part;  ///< Its own log first: the parts then know all it was decided by.
    std::uint64_t from = 0;             ///< Sequence.
    PartState fold;                     ///< Of this part: what does not fold is no log.
    std::size_t log_bytes = 0;
    std::size_t tape_bytes = 0;  ///< Of the parts before.

    Result<> take_own(Bytes value);
    Result<> take(std::uint64_t sequence, Bytes value);
    Result<> check() const;
    Result<bool> look(Store& store);
};

Result<> RecordReading::take_own(Bytes value) {
    auto event = decode_job_log_event(value);
    if (!event) return fail(event.error());
    const bool is_seal = std::holds_alternative<SealEvent>(*event);
    const bool is_sealing = is_seal && !job.log.empty() && is_decided(job.log.back());
    if (!is_sealing && !is_decided(*event) && !std::holds_alternative<SignalsEvent>(*event)) return {};
    log_bytes += value.size();
    job.log.push_back(*std::move(event));
    return {};
}

Result<> RecordReading::take(std::uint64_t sequence, Bytes value) {
    auto event = decode_job_event(value);
    if (!event) return fail(std::move(event).error());
    if (!fold.apply(*event)) return fail(Errc::store_corrupt, "the log of a job does not fold");
    auto& of = job.parts[part];
    if (const auto* targets = std::get_if<TargetsEvent>(&*event)) {
        of.devices += targets->ordinals.size();
        job.devices += targets->ordinals.size();
    } else if (const auto* order = std::get_if<OrderEvent>(&*event)) {
        of.places.insert(of.places.end(), order->places.begin(), order->places.end());
    } else if (const auto* must = std::get_if<MustSucceedEvent>(&*event)) {
        of.must_succeed.insert(of.must_succeed.end(), must->indexes.begin(), must->indexes.end());
    } else if (!std::holds_alternative<ReversalsEvent>(*event) &&
               !std::holds_alternative<LostEvent>(*event)) {
        of.tape.add(sequence, *std::move(event));
    }
    return {};
}

Result<> RecordReading::check() const {
    if (job.devices > limits.devices_max)
        return fail(Errc::argument_invalid,
                    fmt::format("Jobs of at most {} devices can be asked about.", limits.devices_max));
    if (log_bytes > limits.log_bytes_max ||
        tape_bytes + (part == job_log_part ? 0 : job.parts[part].tape.bytes()) > limits.bytes_max)
        return fail(Errc::argument_invalid, "The log of this job is too long to be asked about.");
    return {};
}

/// Reads the next piece; false when there is none.
Result<bool> RecordReading::look(Store& store) {
    std::size_t bytes = 0;
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        const auto sequence = sequence_of_event_key(key);
        from = sequence + 1;
        bytes += value.size();
        outcome = part == job_log_part ? take_own(as_bytes(value)) : take(sequence, as_bytes(value));
        return outcome.has_value() && bytes < DeviceReports::read_bytes_max;
    };
    const auto to = part == job_log_part ? job_event_key(number + 1) : job_event_key(number, part + 1);
    auto scanned = store.scan(Table::job_events, job_event_key(number, part, from), to, visit);
    if (!scanned) return fail(Errc::service_unavailable, std::move(scanned).error().detail);
    if (!outcome) return fail(std::move(outcome).error());
    if (auto fits = check(); !fits) return fail(std::move(fits).error());
    if (bytes > 0) return true;
    if (part != job_log_part) {
        tape_bytes += job.parts[part].tape.bytes();
        const bool has_order = job.definition->rollout->order.kind != RolloutOrderKind::as_stored;
        if (has_order && job.parts[part].places.size() != job.parts[part].devices)
            return fail(Errc::operation_not_allowed_in_current_state, "The job has not begun.");
    }
    part = part == job_log_part ? 0 : part + 1;
    from = 0;
    fold = {};
    return part < job.parts.size();
}

}  // namespace

Task<Result<std::shared_ptr<RecordedJob>>> read_recorded_job(Shard& first, std::uint32_t parts,
                                                             std::shared_ptr<JobEntry> entry,
                                                             RecordedJobLimits limits) {
    auto reading = std::make_shared<RecordReading>();
    reading->limits = limits;
    reading->number = entry->number();
    reading->job.definition = entry->shared_definition();
    reading->job.started = entry->started();
    reading->job.parts.resize(parts);
    for (;;) {
        auto work = [reading, &store = first.store()] { return reading->look(store); };
        auto looking = on_storage<Result<bool>>(first, std::move(work));
        const auto has_more = co_await std::move(looking);
        if (!has_more) co_return fail(has_more.error());
        if (!*has_more) break;
    }
    co_return std::shared_ptr<RecordedJob>(reading, &reading->job);
}

}  // namespace carillon
