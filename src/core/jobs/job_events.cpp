#include "core/jobs/job_events.hpp"

#include "core/shard/pack.hpp"
#include "core/shard/stored_number.hpp"

namespace carillon {
namespace {

enum Kind : std::uint8_t { targets = 1, twin_chunk = 2, dispatched = 3, outcomes = 4, ended = 5 };

void pack_failure(Packer& pack, const Failure& failure) {
    pack.u8(static_cast<std::uint8_t>(failure.reason));
    if (failure.reason != FailReason::other) return;
    pack.number(static_cast<std::uint64_t>(failure.code));
    pack.text(failure.text);
}

/// False if it is none.
bool unpack_failure(Unpacker& in, Failure& failure) {
    const auto reason = in.u8();
    if (reason < static_cast<std::uint8_t>(FailReason::deadline) ||
        reason > static_cast<std::uint8_t>(FailReason::other)) {
        return false;
    }
    failure.reason = static_cast<FailReason>(reason);
    if (failure.reason != FailReason::other) return true;
    failure.code = static_cast<Errc>(in.number() & 0xffffff);
    failure.text = in.text();
    return true;
}

void pack_body(Packer& pack, const TargetsEvent& event) {
    pack.number(event.ordinals.size());
    std::int64_t previous = 0;
    for (const auto ordinal : event.ordinals) {
        const std::int64_t stored = ordinal == no_ordinal ? 0 : static_cast<std::int64_t>(ordinal) + 1;
        pack.signed_number(stored - previous);
        previous = stored;
    }
}

bool unpack_body(Unpacker& in, TargetsEvent& event) {
    const auto count = in.count();
    if (count > TargetsEvent::devices_max) return false;
    event.ordinals.reserve(count);
    std::int64_t stored = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        stored += in.signed_number();
        if (stored < 0 || stored > static_cast<std::int64_t>(no_ordinal)) return false;
        event.ordinals.push_back(stored == 0 ? no_ordinal : static_cast<Ordinal>(stored - 1));
    }
    event.keys = in.rest();
    return true;
}

void pack_body(Packer& pack, const TwinChunkEvent& event) {
    pack.number(event.from);
    pack.number(event.to);
    pack.number(event.failures.size());
    std::uint32_t previous = event.from;
    for (const auto& failed : event.failures) {
        pack.number(failed.index - previous);
        previous = failed.index;
        pack_failure(pack, failed.failure);
    }
}

bool unpack_body(Unpacker& in, TwinChunkEvent& event) {
    const auto from = in.number();
    const auto to = in.number();
    const auto count = in.count();
    if (from > to || to > UINT32_MAX || count > to - from) return false;
    event.from = static_cast<std::uint32_t>(from);
    event.to = static_cast<std::uint32_t>(to);
    auto index = from;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        index += in.number();
        TwinChunkEvent::Failed failed;
        if (!unpack_failure(in, failed.failure) || index >= to) return false;
        failed.index = static_cast<std::uint32_t>(index);
        event.failures.push_back(std::move(failed));
    }
    return true;
}

void pack_body(Packer& pack, const DispatchedEvent& event) {
    pack.number(event.indexes.size());
    std::uint32_t previous = 0;
    for (const auto index : event.indexes) {
        pack.number(index - previous);
        previous = index;
    }
}

bool unpack_body(Unpacker& in, DispatchedEvent& event) {
    const auto count = in.count();
    event.indexes.reserve(count);
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        index += in.number();
        if (index > UINT32_MAX) return false;
        event.indexes.push_back(static_cast<std::uint32_t>(index));
    }
    return true;
}

void pack_body(Packer& pack, const OutcomesEvent& event) {
    pack.number(event.outcomes.size());
    for (const auto& outcome : event.outcomes) {
        pack.number(outcome.index);
        pack.u8(static_cast<std::uint8_t>(outcome.kind));
        if (outcome.kind == OutcomeKind::answered) {
            pack.signed_number(outcome.answer.status);
            pack.text(outcome.answer.payload);
        } else if (outcome.kind == OutcomeKind::failed) {
            pack_failure(pack, outcome.failure);
        }
    }
}

bool unpack_body(Unpacker& in, OutcomesEvent& event) {
    const auto count = in.count();
    event.outcomes.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        Outcome outcome;
        const auto index = in.number();
        const auto kind = in.u8();
        if (index > UINT32_MAX || kind < 1 || kind > 4) return false;
        outcome.index = static_cast<std::uint32_t>(index);
        outcome.kind = static_cast<OutcomeKind>(kind);
        if (outcome.kind == OutcomeKind::answered) {
            outcome.answer.status = static_cast<int>(in.signed_number());
            outcome.answer.payload = in.text();
        } else if (outcome.kind == OutcomeKind::failed && !unpack_failure(in, outcome.failure)) {
            return false;
        }
        event.outcomes.push_back(std::move(outcome));
    }
    return true;
}

void pack_body(Packer& pack, const EndedEvent& event) {
    pack.u8(static_cast<std::uint8_t>(event.end));
}

bool unpack_body(Unpacker& in, EndedEvent& event) {
    const auto end = in.u8();
    event.end = static_cast<EndKind>(end);
    return end >= 1 && end <= 4;
}

constexpr Kind kind_of(const TargetsEvent&) {
    return targets;
}
constexpr Kind kind_of(const TwinChunkEvent&) {
    return twin_chunk;
}
constexpr Kind kind_of(const DispatchedEvent&) {
    return dispatched;
}
constexpr Kind kind_of(const OutcomesEvent&) {
    return outcomes;
}
constexpr Kind kind_of(const EndedEvent&) {
    return ended;
}

template <class Event>
Result<JobEvent> unpack_event(Unpacker& in) {
    Event event;
    event.time = in.time();
    if (!unpack_body(in, event) || !in.at_end())
        return fail(Errc::store_corrupt, "a job event does not decode");
    return JobEvent(std::move(event));
}

}  // namespace

std::string_view Failure::code_name() const {
    switch (reason) {
        case FailReason::deadline:
            return errc_name(Errc::job_run_precondition_failed);
        case FailReason::not_online:
            return errc_name(Errc::device_not_online);
        case FailReason::timeout:
        case FailReason::restart:
            return errc_name(Errc::gateway_timeout);
        case FailReason::device_not_found:
            return errc_name(Errc::device_not_found);
        case FailReason::none:
        case FailReason::other:
            break;
    }
    return errc_name(code);
}

std::string_view Failure::description() const {
    switch (reason) {
        // Source: device job records captured from the service.
        case FailReason::deadline:
            return "The job did not start within specified period: either device did not come online or "
                   "invalid endTime specified.";
        case FailReason::not_online:
            return "Timed out waiting for device to connect";
        case FailReason::timeout:
            return "Timed out waiting for the response from device.";
        // Ours: at most once leaves nothing else to say.
        case FailReason::restart:
            return "The outcome is unknown: the hub restarted after the request was sent, or was about to be "
                   "sent, and before an answer was recorded. It was not sent again.";
        case FailReason::device_not_found:
            return "The device is not registered.";
        case FailReason::none:
        case FailReason::other:
            break;
    }
    return text;
}

Failure failure_of(const Error& error) {
    Failure failure;
    switch (error.code) {
        case Errc::gateway_timeout:
            failure.reason = FailReason::timeout;
            break;
        case Errc::device_not_found:
        case Errc::module_not_found:
            failure.reason = FailReason::device_not_found;
            break;
        default:
            failure.reason = FailReason::other;
            failure.code = error.code;
            failure.text = error.detail;
    }
    return failure;
}

WallTime time_of(const JobEvent& event) {
    return std::visit([](const auto& e) { return e.time; }, event);
}

std::string encode_job_event(const JobEvent& event) {
    std::string out;
    Packer pack{out};
    std::visit(
        [&](const auto& e) {
            pack.u8(kind_of(e));
            pack.time(e.time);
            pack_body(pack, e);
        },
        event);
    if (const auto* found = std::get_if<TargetsEvent>(&event)) out += found->keys;
    return out;
}

Result<JobEvent> decode_job_event(Bytes bytes) {
    Unpacker in{bytes};
    switch (in.u8()) {
        case targets:
            return unpack_event<TargetsEvent>(in);
        case twin_chunk:
            return unpack_event<TwinChunkEvent>(in);
        case dispatched:
            return unpack_event<DispatchedEvent>(in);
        case outcomes:
            return unpack_event<OutcomesEvent>(in);
        case ended:
            return unpack_event<EndedEvent>(in);
        default:
            return fail(Errc::store_corrupt, "a job event of an unknown kind");
    }
}

std::string job_event_key(std::uint64_t job, std::uint32_t shard, std::uint64_t sequence) {
    std::string key;
    append_be(key, job);
    append_be(key, shard);
    append_be(key, sequence);
    return key;
}

std::uint64_t sequence_of_event_key(std::string_view key) {
    return key.size() < 20 ? 0 : read_be<std::uint64_t>(key.substr(12));
}

}  // namespace carillon
