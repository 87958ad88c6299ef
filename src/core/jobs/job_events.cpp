#include "core/jobs/job_events.hpp"

#include "base/pack.hpp"
#include "base/stored_number.hpp"
#include "core/jobs/chain/log_chain.hpp"

namespace carillon {
namespace {

enum Kind : std::uint8_t {
    targets = 1,
    twin_chunk = 2,
    dispatched = 3,
    outcomes = 4,
    ended = 5,
    order = 6,
    joined = 7,
    written = 8,
    confirmed = 9,
    outcomes2 = 10,
    canceled = 11,
    begun = 12,
    reversals = 13,
    must_succeed = 14,
    lost = 15,
};

void pack_failure(Packer& pack, const Failure& failure) {
    pack.u8(static_cast<std::uint8_t>(failure.reason));
    if (failure.reason == FailReason::other) pack.number(static_cast<std::uint64_t>(failure.code));
    if (has_own_text(failure.reason)) pack.text(failure.text);
}

/// False if it is none.
bool unpack_failure(Unpacker& in, Failure& failure) {
    const auto reason = in.u8();
    if (reason < static_cast<std::uint8_t>(FailReason::deadline) ||
        reason > static_cast<std::uint8_t>(fail_reason_last)) {
        return false;
    }
    failure.reason = static_cast<FailReason>(reason);
    if (failure.reason == FailReason::other) failure.code = static_cast<Errc>(in.number() & 0xffffff);
    if (has_own_text(failure.reason)) failure.text = in.text();
    return true;
}

void pack_ordinals(Packer& pack, const std::vector<Ordinal>& ordinals) {
    pack.number(ordinals.size());
    std::int64_t previous = 0;
    for (const auto ordinal : ordinals) {
        const std::int64_t stored = ordinal == no_ordinal ? 0 : static_cast<std::int64_t>(ordinal) + 1;
        pack.signed_number(stored - previous);
        previous = stored;
    }
}

bool unpack_ordinals(Unpacker& in, std::vector<Ordinal>& ordinals, std::size_t count_max) {
    const auto count = in.count();
    if (count > count_max) return false;
    ordinals.reserve(count);
    std::int64_t stored = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        stored += in.signed_number();
        if (stored < 0 || stored > static_cast<std::int64_t>(no_ordinal)) return false;
        ordinals.push_back(stored == 0 ? no_ordinal : static_cast<Ordinal>(stored - 1));
    }
    return true;
}

void pack_body(Packer& pack, const TargetsEvent& event) {
    pack_ordinals(pack, event.ordinals);
}

bool unpack_body(Unpacker& in, TargetsEvent& event) {
    if (!unpack_ordinals(in, event.ordinals, TargetsEvent::devices_max)) return false;
    event.keys = in.rest();
    return true;
}

void pack_body(Packer& pack, const JoinedEvent& event) {
    pack_ordinals(pack, event.ordinals);
}

bool unpack_body(Unpacker& in, JoinedEvent& event) {
    if (!unpack_ordinals(in, event.ordinals, JoinedEvent::devices_max)) return false;
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

void pack_body(Packer& pack, const OrderEvent& event) {
    pack.number(event.places.size());
    for (const auto place : event.places) pack.number(place);
}

bool unpack_body(Unpacker& in, OrderEvent& event) {
    const auto count = in.count();
    if (count > OrderEvent::devices_max) return false;
    event.places.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        const auto place = in.number();
        if (place > UINT32_MAX) return false;
        event.places.push_back(static_cast<std::uint32_t>(place));
    }
    return true;
}

/// The next index of an ascending list; false if there is none.
bool unpack_index(Unpacker& in, std::uint64_t& index) {
    index += in.number();
    return index <= UINT32_MAX;
}

/// The number of one of `reversals`, from 1, and the first time the thing itself.
void pack_reversal(Packer& pack, std::uint32_t number, const std::vector<Reversal>& reversals,
                   std::uint32_t& packed) {
    pack.number(number);
    if (number <= packed) return;
    packed = number;
    pack.text(reversals[number - 1].wrote);
    pack.text(reversals[number - 1].before);
}

/// False if it is none.
bool unpack_reversal(Unpacker& in, std::uint32_t& number, std::vector<Reversal>& reversals) {
    const auto found = in.number();
    if (found > reversals.size() + 1) return false;
    number = static_cast<std::uint32_t>(found);
    if (found <= reversals.size()) return true;
    Reversal reversal;
    reversal.wrote = in.text();
    reversal.before = in.text();
    reversals.push_back(std::move(reversal));
    return true;
}

void pack_body(Packer& pack, const ReversalsEvent& event) {
    pack.number(event.devices.size());
    std::uint32_t packed = 0;
    for (const auto number : event.devices) pack_reversal(pack, number, event.reversals, packed);
}

bool unpack_body(Unpacker& in, ReversalsEvent& event) {
    const auto count = in.count();
    if (count > ReversalsEvent::devices_max) return false;
    event.devices.resize(count);
    for (auto& number : event.devices) {
        if (!in.ok() || !unpack_reversal(in, number, event.reversals)) return false;
    }
    return true;
}

void pack_body(Packer& pack, const ConfirmedEvent& event) {
    pack.number(event.devices.size());
    std::uint32_t previous = 0;
    for (const auto& device : event.devices) {
        pack.number(device.index - previous);
        previous = device.index;
        const bool has_confirmed = device.failure.reason == FailReason::none;
        pack.u8(has_confirmed ? 1 : 0);
        if (!has_confirmed) pack_failure(pack, device.failure);
    }
}

bool unpack_body(Unpacker& in, ConfirmedEvent& event) {
    const auto count = in.count();
    event.devices.reserve(count);
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        ConfirmedEvent::Device device;
        if (!unpack_index(in, index)) return false;
        device.index = static_cast<std::uint32_t>(index);
        const auto what = in.u8();
        if (what > 1 || (what == 0 && !unpack_failure(in, device.failure))) return false;
        event.devices.push_back(std::move(device));
    }
    return true;
}

void pack_body(Packer& pack, const MustSucceedEvent& event) {
    pack.number(event.indexes.size());
    std::uint32_t previous = 0;
    for (const auto index : event.indexes) {
        pack.number(index - previous);
        previous = index;
    }
}

bool unpack_body(Unpacker& in, MustSucceedEvent& event) {
    const auto count = in.count();
    event.indexes.reserve(count);
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        if (!unpack_index(in, index)) return false;
        event.indexes.push_back(static_cast<std::uint32_t>(index));
    }
    return true;
}

void pack_body(Packer& pack, const WrittenEvent& event) {
    pack.number(event.devices.size());
    std::uint32_t previous = 0;
    std::uint32_t packed = 0;
    std::int64_t version = 0;
    for (const auto& device : event.devices) {
        pack.number(device.index - previous);
        previous = device.index;
        const bool is_written = device.failure.reason == FailReason::none;
        pack.u8(device.is_awaited ? 2 : is_written ? 1 : 0);
        if (is_written) {
            pack.signed_number(device.version - version);
            version = device.version;
            pack_reversal(pack, device.reversal, event.reversals, packed);
        } else {
            pack_failure(pack, device.failure);
        }
    }
}

bool unpack_body(Unpacker& in, WrittenEvent& event) {
    const auto count = in.count();
    event.devices.reserve(count);
    std::uint64_t index = 0;
    std::int64_t version = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        WrittenEvent::Device device;
        if (!unpack_index(in, index)) return false;
        device.index = static_cast<std::uint32_t>(index);
        const auto what = in.u8();
        if (what == 1 || what == 2) {
            version += in.signed_number();
            device.version = version;
            device.is_awaited = what == 2;
            if (!unpack_reversal(in, device.reversal, event.reversals)) return false;
        } else if (what != 0 || !unpack_failure(in, device.failure)) {
            return false;
        }
        event.devices.push_back(std::move(device));
    }
    return true;
}

void pack_body(Packer& pack, const Outcomes2Event& event) {
    pack.number(event.outcomes.size());
    for (const auto& outcome : event.outcomes) {
        pack.number(outcome.index);
        pack.u8(static_cast<std::uint8_t>(outcome.kind));
        pack.number(outcome.attempt);
        pack.number(outcome.age_ms);
        pack.number(outcome.again_ms);
        if (outcome.kind == OutcomeKind::answered || outcome.kind == OutcomeKind::rejected) {
            pack.signed_number(outcome.answer.status);
            pack.text(outcome.answer.payload);
        } else if (outcome.kind == OutcomeKind::failed) {
            pack_failure(pack, outcome.failure);
        }
    }
}

bool unpack_body(Unpacker& in, Outcomes2Event& event) {
    const auto count = in.count();
    event.outcomes.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        Outcome outcome;
        const auto index = in.number();
        const auto kind = in.u8();
        const auto attempt = in.number();
        outcome.age_ms = in.number();
        outcome.again_ms = in.number();
        if (index > UINT32_MAX || kind < 1 || kind > 5 || attempt > UINT8_MAX) return false;
        outcome.index = static_cast<std::uint32_t>(index);
        outcome.kind = static_cast<OutcomeKind>(kind);
        outcome.attempt = static_cast<std::uint32_t>(attempt);
        if (outcome.kind == OutcomeKind::answered || outcome.kind == OutcomeKind::rejected) {
            outcome.answer.status = static_cast<int>(in.signed_number());
            outcome.answer.payload = in.text();
        } else if (outcome.kind == OutcomeKind::failed && !unpack_failure(in, outcome.failure)) {
            return false;
        }
        event.outcomes.push_back(std::move(outcome));
    }
    return true;
}

void pack_body(Packer& pack, const CanceledEvent& event) {
    pack.u8(static_cast<std::uint8_t>(event.reason));
    pack.number(event.by);
    pack.number(event.indexes.size());
    std::uint32_t previous = 0;
    for (const auto index : event.indexes) {
        pack.number(index - previous);
        previous = index;
    }
}

bool unpack_body(Unpacker& in, CanceledEvent& event) {
    const auto reason = in.u8();
    event.reason = reason > static_cast<std::uint8_t>(CancelReason::left) ? CancelReason::other
                                                                          : static_cast<CancelReason>(reason);
    event.by = in.number();
    const auto count = in.count();
    event.indexes.reserve(count);
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        if (!unpack_index(in, index)) return false;
        event.indexes.push_back(static_cast<std::uint32_t>(index));
    }
    return true;
}

void pack_body(Packer& pack, const BegunEvent& event) {
    pack.number(event.devices.size());
    std::uint32_t previous = 0;
    for (const auto& device : event.devices) {
        pack.number(device.index - previous);
        pack.number(device.attempt);
        previous = device.index;
    }
}

bool unpack_body(Unpacker& in, BegunEvent& event) {
    const auto count = in.count();
    event.devices.reserve(count);
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        if (!unpack_index(in, index)) return false;
        const auto attempt = in.number();
        if (attempt < 1 || attempt > UINT8_MAX) return false;
        event.devices.push_back({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(attempt)});
    }
    return true;
}

void pack_body(Packer& pack, const LostEvent& event) {
    pack.number(event.wave);
    pack.number(event.devices.size());
    for (const auto& device : event.devices)
        pack.number(std::uint64_t{device.index} << 1 | (device.is_of_wave ? 1 : 0));
}

bool unpack_body(Unpacker& in, LostEvent& event) {
    const auto wave = in.number();
    const auto count = in.count();
    if (wave >= RolloutLimits::waves_expanded_max) return false;
    event.wave = static_cast<std::uint32_t>(wave);
    event.devices.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        const auto device = in.number();
        if (device >> 1 > UINT32_MAX) return false;
        event.devices.push_back({static_cast<std::uint32_t>(device >> 1), (device & 1) != 0});
    }
    return true;
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
constexpr Kind kind_of(const OrderEvent&) {
    return order;
}
constexpr Kind kind_of(const WrittenEvent&) {
    return written;
}
constexpr Kind kind_of(const Outcomes2Event&) {
    return outcomes2;
}
constexpr Kind kind_of(const CanceledEvent&) {
    return canceled;
}
constexpr Kind kind_of(const BegunEvent&) {
    return begun;
}
constexpr Kind kind_of(const ReversalsEvent&) {
    return reversals;
}
constexpr Kind kind_of(const ConfirmedEvent&) {
    return confirmed;
}
constexpr Kind kind_of(const MustSucceedEvent&) {
    return must_succeed;
}
constexpr Kind kind_of(const JoinedEvent&) {
    return joined;
}
constexpr Kind kind_of(const LostEvent&) {
    return lost;
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

WallTime until_of(const Outcome& outcome, WallTime time) {
    const auto ms =
        static_cast<std::int64_t>(outcome.again_ms) - 1 - static_cast<std::int64_t>(outcome.age_ms);
    return {time.ticks + ms * WallTime::ticks_per_ms};
}

std::optional<WallTime> answered_at(const Outcome& outcome, WallTime time) {
    if (outcome.kind != OutcomeKind::answered && outcome.kind != OutcomeKind::rejected) return std::nullopt;
    return WallTime{time.ticks - static_cast<std::int64_t>(outcome.age_ms) * WallTime::ticks_per_ms};
}

bool is_answer(const Failure& failure) {
    return failure.reason == FailReason::none || failure.reason == FailReason::diverged;
}

WallTime time_of(const JobEvent& event) {
    return std::visit([](const auto& e) { return e.time; }, event);
}

std::string encode_job_event(const JobEvent& event) {
    std::string out;
    // A device takes some five bytes; and the chain adds a hash.
    if (const auto* written = std::get_if<WrittenEvent>(&event)) out.reserve(96 + 6 * written->devices.size());
    Packer pack{out};
    std::visit(
        [&](const auto& e) {
            pack.u8(kind_of(e));
            pack.time(e.time);
            pack_body(pack, e);
        },
        event);
    if (const auto* found = std::get_if<TargetsEvent>(&event)) out += found->keys;
    if (const auto* came = std::get_if<JoinedEvent>(&event)) out += came->keys;
    return out;
}

Result<JobEvent> decode_job_event(Bytes bytes) {
    const auto chained = split_chained(bytes);
    Unpacker in{as_bytes(chained.event)};
    switch (in.u8() & ~(chained.hash ? chained_mark : 0)) {
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
        case order:
            return unpack_event<OrderEvent>(in);
        case written:
            return unpack_event<WrittenEvent>(in);
        case confirmed:
            return unpack_event<ConfirmedEvent>(in);
        case outcomes2:
            return unpack_event<Outcomes2Event>(in);
        case canceled:
            return unpack_event<CanceledEvent>(in);
        case begun:
            return unpack_event<BegunEvent>(in);
        case reversals:
            return unpack_event<ReversalsEvent>(in);
        case must_succeed:
            return unpack_event<MustSucceedEvent>(in);
        case joined:
            return unpack_event<JoinedEvent>(in);
        case lost:
            return unpack_event<LostEvent>(in);
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

std::uint32_t part_of_event_key(std::string_view key) {
    return key.size() < 20 ? 0 : read_be<std::uint32_t>(key.substr(8));
}

std::uint64_t sequence_of_event_key(std::string_view key) {
    return key.size() < 20 ? 0 : read_be<std::uint64_t>(key.substr(12));
}

}  // namespace carillon
