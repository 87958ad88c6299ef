#include "core/jobs/job_log.hpp"

#include "base/pack.hpp"
#include "base/stored_number.hpp"

#include <bit>

namespace carillon {
namespace {

struct LogKind {
    enum Code : std::uint8_t {
        created = 32,
        changed = 33,
        directed = 34,
        wave_opened = 35,
        wave_judged = 36,
        rule_tripped = 37,
        approval = 38,
        plan_checked = 39,
        tested = 40,
        seal = 41,
        verdict = 42,
        prepared = 45,
        started = 46,
        ended = 47,
        signals = 48,
    };
};

void pack_actor(Packer& pack, const JobActor& actor) {
    pack.text(actor.policy);
    pack.text(actor.says);
}

JobActor unpack_actor(Unpacker& in) {
    JobActor actor;
    actor.policy = in.text();
    actor.says = in.text();
    return actor;
}

void pack_counts(Packer& pack, const GateCounts& counts) {
    pack.number(counts.succeeded);
    pack.number(counts.failed);
    pack.number(counts.canceled);
}

GateCounts unpack_counts(Unpacker& in) {
    GateCounts counts;
    counts.succeeded = in.number();
    counts.failed = in.number();
    counts.canceled = in.number();
    return counts;
}

void pack_totals(Packer& pack, const LogTotals& totals) {
    pack.number(totals.ended);
    pack.number(totals.kinds.size());
    for (const auto count : totals.kinds) pack.number(count);
}

LogTotals unpack_totals(Unpacker& in) {
    LogTotals totals;
    totals.ended = in.number();
    const auto kinds = in.count();
    for (std::size_t i = 0; i < kinds && in.ok(); ++i) {
        // Kinds that a later version knows are others here.
        totals.kinds[i < totals.kinds.size() ? i : 0] += in.number();
    }
    return totals;
}

constexpr LogKind::Code kind_of(const CreatedEvent&) {
    return LogKind::created;
}
void pack_body(Packer& pack, const CreatedEvent& event) {
    pack_actor(pack, event.by);
    pack.text(event.document_hash);
}
bool unpack_body(Unpacker& in, CreatedEvent& event) {
    event.by = unpack_actor(in);
    event.document_hash = in.text();
    return true;
}

constexpr LogKind::Code kind_of(const ChangedEvent&) {
    return LogKind::changed;
}
void pack_body(Packer& pack, const ChangedEvent& event) {
    pack_actor(pack, event.by);
    pack.text(event.before);
    pack.text(event.after);
}
bool unpack_body(Unpacker& in, ChangedEvent& event) {
    event.by = unpack_actor(in);
    event.before = in.text();
    event.after = in.text();
    return true;
}

constexpr LogKind::Code kind_of(const DirectedEvent&) {
    return LogKind::directed;
}
void pack_body(Packer& pack, const DirectedEvent& event) {
    pack.u8(event.what);
    pack_actor(pack, event.by);
    pack.text(event.why);
    pack.u8(event.cause);
    pack.number(event.wave);
    pack_totals(pack, event.totals);
}
bool unpack_body(Unpacker& in, DirectedEvent& event) {
    const auto what = in.u8();
    event.by = unpack_actor(in);
    event.why = in.text();
    const auto cause = in.u8();
    event.wave = static_cast<std::uint32_t>(in.number());
    event.totals = unpack_totals(in);
    event.what = static_cast<DirectedEvent::What>(what);
    event.cause = static_cast<DirectedEvent::Cause>(cause);
    return what >= DirectedEvent::paused && what <= DirectedEvent::cancelling &&
           cause <= DirectedEvent::by_wave;
}

constexpr LogKind::Code kind_of(const WaveOpenedEvent&) {
    return LogKind::wave_opened;
}
void pack_body(Packer& pack, const WaveOpenedEvent& event) {
    pack.number(event.wave);
    pack.number(event.size);
}
bool unpack_body(Unpacker& in, WaveOpenedEvent& event) {
    event.wave = static_cast<std::uint32_t>(in.number());
    event.size = in.number();
    return true;
}

constexpr LogKind::Code kind_of(const WaveJudgedEvent&) {
    return LogKind::wave_judged;
}
void pack_body(Packer& pack, const WaveJudgedEvent& event) {
    pack.u8(event.what);
    pack.number(event.wave);
    pack.number(event.size);
    pack_counts(pack, event.counts);
    pack.u8(event.is_forced ? 1 : 0);
    pack.text(event.why);
}
bool unpack_body(Unpacker& in, WaveJudgedEvent& event) {
    const auto what = in.u8();
    event.what = static_cast<WaveJudgedEvent::What>(what);
    event.wave = static_cast<std::uint32_t>(in.number());
    event.size = in.number();
    event.counts = unpack_counts(in);
    event.is_forced = in.u8() == 1;
    event.why = in.text();
    return what >= WaveJudgedEvent::passed && what <= WaveJudgedEvent::open_again;
}

constexpr LogKind::Code kind_of(const RuleTrippedEvent&) {
    return LogKind::rule_tripped;
}
void pack_body(Packer& pack, const RuleTrippedEvent& event) {
    pack.number(event.rule);
    pack.number(event.failed);
    pack.number(event.ended);
    pack.u8(event.is_noted ? 1 : 0);
}
bool unpack_body(Unpacker& in, RuleTrippedEvent& event) {
    event.rule = static_cast<std::uint32_t>(in.number());
    event.failed = in.number();
    event.ended = in.number();
    event.is_noted = in.u8() == 1;
    return true;
}

void pack_hash(Packer& pack, const Sha256Digest& hash) {
    for (const char byte : hash) pack.u8(static_cast<std::uint8_t>(byte));
}

Sha256Digest unpack_hash(Unpacker& in) {
    Sha256Digest hash;
    for (char& byte : hash) byte = static_cast<char>(in.u8());
    return hash;
}

constexpr LogKind::Code kind_of(const SealEvent&) {
    return LogKind::seal;
}
void pack_body(Packer& pack, const SealEvent& event) {
    pack.u8(static_cast<std::uint8_t>((event.is_final ? 1 : 0) | (event.previous ? 2 : 0)));
    pack.number(event.heads.size());
    for (const auto& head : event.heads) {
        pack.number(head.sequence);
        if (head.sequence > 0) pack_hash(pack, head.hash);
    }
    if (!event.previous) return;
    pack.number(event.previous->job);
    pack.time(event.previous->kept_until);
    pack_hash(pack, event.previous->hash);
}
bool unpack_body(Unpacker& in, SealEvent& event) {
    const auto flags = in.u8();
    event.is_final = (flags & 1) != 0;
    const auto heads = in.count();
    for (std::size_t i = 0; i < heads && in.ok(); ++i) {
        LogHead head;
        head.sequence = in.number();
        if (head.sequence > 0) head.hash = unpack_hash(in);
        event.heads.push_back(head);
    }
    if ((flags & 2) != 0) {
        auto& previous = event.previous.emplace();
        previous.job = in.number();
        previous.kept_until = in.time();
        previous.hash = unpack_hash(in);
    }
    return flags <= 3;
}

constexpr LogKind::Code kind_of(const VerdictEvent&) {
    return LogKind::verdict;
}
void pack_body(Packer& pack, const VerdictEvent& event) {
    pack.u8(event.is_met ? 1 : 0);
    pack.number(event.succeeded);
    pack.number(event.devices);
}
bool unpack_body(Unpacker& in, VerdictEvent& event) {
    event.is_met = in.u8() == 1;
    event.succeeded = in.number();
    event.devices = in.number();
    return true;
}

constexpr LogKind::Code kind_of(const ApprovalEvent&) {
    return LogKind::approval;
}
void pack_body(Packer& pack, const ApprovalEvent& event) {
    pack.u8(event.is_approved ? 1 : 0);
    pack_actor(pack, event.by);
    pack.text(event.hash);
    pack.text(event.why);
}
bool unpack_body(Unpacker& in, ApprovalEvent& event) {
    event.is_approved = in.u8() == 1;
    event.by = unpack_actor(in);
    event.hash = in.text();
    event.why = in.text();
    return true;
}

/// The bits of each product, so that what is read is what was written.
void pack_lost(Packer& pack, const LostConnections& lost) {
    pack.number(lost.in_wave);
    pack.number(lost.in_control);
    pack.number(lost.control);
    for (const double product : lost.products) {
        const auto bits = std::bit_cast<std::uint64_t>(product);
        for (int shift = 56; shift >= 0; shift -= 8) pack.u8(static_cast<std::uint8_t>(bits >> shift));
    }
}
LostConnections unpack_lost(Unpacker& in) {
    LostConnections lost;
    lost.in_wave = in.number();
    lost.in_control = in.number();
    lost.control = in.number();
    for (double& product : lost.products) {
        std::uint64_t bits = 0;
        for (int i = 0; i < 8; ++i) bits = bits << 8 | in.u8();
        product = std::bit_cast<double>(bits);
    }
    return lost;
}

constexpr LogKind::Code kind_of(const SignalsEvent&) {
    return LogKind::signals;
}
void pack_body(Packer& pack, const SignalsEvent& event) {
    pack.number(event.wave);
    pack_lost(pack, event.lost);
    pack.number(event.counted.size());
    for (const auto count : event.counted) pack.number(count);
}
bool unpack_body(Unpacker& in, SignalsEvent& event) {
    const auto wave = in.number();
    event.lost = unpack_lost(in);
    event.counted.resize(in.count());
    for (auto& count : event.counted) count = in.number();
    if (wave >= RolloutLimits::waves_expanded_max) return false;
    event.wave = static_cast<std::uint32_t>(wave);
    return true;
}

constexpr LogKind::Code kind_of(const TestedEvent&) {
    return LogKind::tested;
}
void pack_body(Packer& pack, const TestedEvent& event) {
    pack.number(event.state.wave);
    pack.u8(event.state.what);
    pack.number(event.state.failed);
    pack.number(event.state.succeeded);
    // Tests with signals only.
    if (event.state.answered == 0 && event.state.lost == LostConnections()) return;
    pack.number(event.state.slow);
    pack.number(event.state.answered);
    pack_lost(pack, event.state.lost);
}
bool unpack_body(Unpacker& in, TestedEvent& event) {
    const auto wave = in.number();
    const auto what = in.u8();
    event.state.failed = in.number();
    event.state.succeeded = in.number();
    if (in.ok() && !in.at_end()) {
        event.state.slow = in.number();
        event.state.answered = in.number();
        event.state.lost = unpack_lost(in);
        if (event.state.slow > event.state.answered) return false;
    }
    if (wave >= RolloutLimits::waves_expanded_max || what > WaveTestState::undecided) return false;
    event.state.wave = static_cast<std::uint32_t>(wave);
    event.state.what = static_cast<WaveTestState::What>(what);
    return true;
}

constexpr LogKind::Code kind_of(const PlanCheckedEvent&) {
    return LogKind::plan_checked;
}
void pack_body(Packer& pack, const PlanCheckedEvent& event) {
    pack.text(event.hash);
    pack.number(event.planned);
    pack.number(event.left);
    pack.number(event.came);
}
bool unpack_body(Unpacker& in, PlanCheckedEvent& event) {
    event.hash = in.text();
    event.planned = in.number();
    event.left = in.number();
    event.came = in.number();
    return true;
}

constexpr LogKind::Code kind_of(const PreparedEvent&) {
    return LogKind::prepared;
}
void pack_body(Packer& pack, const PreparedEvent& event) {
    pack.number(event.targets);
    pack.text(event.digest);
}
bool unpack_body(Unpacker& in, PreparedEvent& event) {
    event.targets = in.number();
    event.digest = in.text();
    return true;
}

constexpr LogKind::Code kind_of(const StartedEvent&) {
    return LogKind::started;
}
void pack_body(Packer& pack, const StartedEvent& event) {
    pack.number(event.number);
}
bool unpack_body(Unpacker& in, StartedEvent& event) {
    event.number = in.number();
    return true;
}

constexpr LogKind::Code kind_of(const JobEndedEvent&) {
    return LogKind::ended;
}
void pack_body(Packer& pack, const JobEndedEvent& event) {
    pack.u8(static_cast<std::uint8_t>(event.status));
    for (const auto count : {event.counts.pending, event.counts.running, event.counts.succeeded,
                             event.counts.failed, event.counts.canceled}) {
        pack.number(count);
    }
}
bool unpack_body(Unpacker& in, JobEndedEvent& event) {
    const auto status = in.u8();
    event.status = static_cast<JobStatus>(status);
    auto& counts = event.counts;
    for (auto* count :
         {&counts.pending, &counts.running, &counts.succeeded, &counts.failed, &counts.canceled}) {
        *count = in.number();
        counts.device += *count;
    }
    return status >= static_cast<std::uint8_t>(JobStatus::completed) &&
           status <= static_cast<std::uint8_t>(JobStatus::cancelled);
}

template <class Event>
Result<JobLogEvent> unpack_log_event(Unpacker& in) {
    Event event;
    event.time = in.time();
    if (!unpack_body(in, event) || !in.at_end())
        return fail(Errc::store_corrupt, "an event of a job's log does not decode");
    return JobLogEvent(std::move(event));
}

}  // namespace

std::uint64_t LogTotals::failed() const {
    return failed(FailureKinds::all());
}

std::uint64_t LogTotals::failed(const FailureKinds& of) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (of.has(static_cast<FailureKind>(i))) sum += kinds[i];
    }
    return sum;
}

WallTime time_of(const JobLogEvent& event) {
    return std::visit([](const auto& e) { return e.time; }, event);
}

std::string encode_job_log_event(const JobLogEvent& event) {
    std::string out;
    Packer pack{out};
    std::visit(
        [&](const auto& e) {
            pack.u8(kind_of(e));
            pack.time(e.time);
            pack_body(pack, e);
        },
        event);
    return out;
}

std::string encode_final_seal(const FinalSeal& seal) {
    std::string out;
    Packer pack{out};
    pack_hash(pack, seal.hash);
    append_be(out, seal.job);
    pack.time(seal.kept_until);
    return out;
}

Result<FinalSeal> decode_final_seal(Bytes bytes) {
    FinalSeal seal;
    Unpacker in{bytes};
    seal.hash = unpack_hash(in);
    for (int i = 0; i < 8; ++i) seal.job = seal.job << 8 | in.u8();
    seal.kept_until = in.time();
    if (!in.at_end()) return fail(Errc::store_corrupt, "the seal of the job that ended last does not decode");
    return seal;
}

Result<JobLogEvent> decode_job_log_event(Bytes bytes) {
    const auto chained = split_chained(bytes);
    Unpacker in{as_bytes(chained.event)};
    switch (in.u8() & ~(chained.hash ? chained_mark : 0)) {
        case LogKind::created:
            return unpack_log_event<CreatedEvent>(in);
        case LogKind::changed:
            return unpack_log_event<ChangedEvent>(in);
        case LogKind::directed:
            return unpack_log_event<DirectedEvent>(in);
        case LogKind::wave_opened:
            return unpack_log_event<WaveOpenedEvent>(in);
        case LogKind::wave_judged:
            return unpack_log_event<WaveJudgedEvent>(in);
        case LogKind::rule_tripped:
            return unpack_log_event<RuleTrippedEvent>(in);
        case LogKind::approval:
            return unpack_log_event<ApprovalEvent>(in);
        case LogKind::plan_checked:
            return unpack_log_event<PlanCheckedEvent>(in);
        case LogKind::tested:
            return unpack_log_event<TestedEvent>(in);
        case LogKind::signals:
            return unpack_log_event<SignalsEvent>(in);
        case LogKind::seal:
            return unpack_log_event<SealEvent>(in);
        case LogKind::verdict:
            return unpack_log_event<VerdictEvent>(in);
        case LogKind::prepared:
            return unpack_log_event<PreparedEvent>(in);
        case LogKind::started:
            return unpack_log_event<StartedEvent>(in);
        case LogKind::ended:
            return unpack_log_event<JobEndedEvent>(in);
        default:
            return fail(Errc::store_corrupt, "an event of a job's log of an unknown kind");
    }
}

}  // namespace carillon
