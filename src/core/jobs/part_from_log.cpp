#include "core/jobs/part_from_log.hpp"

#include "core/jobs/job_events.hpp"
#include "core/jobs/job_log.hpp"
#include "core/jobs/job_record.hpp"

#include <utility>
#include <variant>
#include <vector>

namespace carillon {

Result<JobPart::Targets> read_part(const Store& store, std::uint64_t job, std::uint32_t shard, bool is_undo,
                                   std::size_t undo_bytes_max, bool wants_times) {
    JobPart::Targets targets;
    targets.undone = UndoneDevices(undo_bytes_max);
    Result<> outcome;
    const auto note_begun = [&](std::uint32_t index, WallTime at) {
        if (!wants_times) return;
        targets.times.resize(targets.ordinals.size());
        targets.times[index] = {at, {}};
    };
    const auto note_answered = [&](std::uint32_t index, WallTime at) {
        auto& times = targets.times;
        if (index < times.size() && times[index].answered.ticks == 0) times[index].answered = at;
    };
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto event = decode_job_event(as_bytes(value));
        if (!event || !targets.state.apply(*event)) {
            outcome = fail(Errc::store_corrupt, "the log of a running job does not fold");
            return false;
        }
        if (const auto* found = std::get_if<TargetsEvent>(&*event)) {
            targets.ordinals.insert(targets.ordinals.end(), found->ordinals.begin(), found->ordinals.end());
        } else if (const auto* came = std::get_if<JoinedEvent>(&*event)) {
            targets.joined.emplace_back(static_cast<std::uint32_t>(targets.ordinals.size()), came->time);
            targets.ordinals.insert(targets.ordinals.end(), came->ordinals.begin(), came->ordinals.end());
        } else if (const auto* placed = std::get_if<OrderEvent>(&*event)) {
            targets.places.insert(targets.places.end(), placed->places.begin(), placed->places.end());
        } else if (auto* kept = std::get_if<ReversalsEvent>(&*event)) {
            targets.undone.take(std::move(*kept), sequence_of_event_key(key));
        } else if (const auto* must = std::get_if<MustSucceedEvent>(&*event)) {
            targets.must_succeed.insert(targets.must_succeed.end(), must->indexes.begin(),
                                        must->indexes.end());
        } else if (const auto* written = std::get_if<WrittenEvent>(&*event)) {
            for (const auto& device : written->devices) {
                if (device.is_awaited)
                    targets.awaited.push_back({device.index, device.version, written->time});
                if (device.failure.reason != FailReason::none) continue;
                targets.begun.push_back(device.index);
                note_begun(device.index, written->time);
            }
        } else if (const auto* begun = std::get_if<BegunEvent>(&*event)) {
            for (const auto& device : begun->devices) {
                if (device.attempt == 1) targets.begun.push_back(device.index);
                note_begun(device.index, begun->time);
            }
        } else if (const auto* confirmed = std::get_if<ConfirmedEvent>(&*event)) {
            for (const auto& device : confirmed->devices) {
                if (is_answer(device.failure)) note_answered(device.index, confirmed->time);
            }
        } else if (auto* lost = std::get_if<LostEvent>(&*event)) {
            if (targets.lost.wave != lost->wave) targets.lost = {};
            lost->devices.insert(lost->devices.begin(), targets.lost.devices.begin(),
                                 targets.lost.devices.end());
            targets.lost = std::move(*lost);
        } else if (const auto* known = std::get_if<Outcomes2Event>(&*event)) {
            for (const auto& each : known->outcomes) {
                if (each.again_ms > 0)
                    targets.backing_off.emplace_back(each.index, until_of(each, known->time));
                if (const auto at = answered_at(each, known->time)) note_answered(each.index, *at);
            }
        }
        const auto sequence = sequence_of_event_key(key);
        const auto hash = split_chained(as_bytes(value)).hash;
        targets.chain.reset();
        if (hash) targets.chain.emplace(sequence, *hash);
        targets.next_sequence = sequence + 1;
        return true;
    };
    auto read =
        store.scan(Table::job_events, job_event_key(job, shard), job_event_key(job, shard + 1), visit);
    if (!read) return fail(std::move(read).error());
    if (!outcome) return fail(std::move(outcome).error());
    std::erase_if(targets.awaited, [&targets](const JobPart::Awaited& device) {
        return targets.state.at(device.index) != TargetState::running;
    });
    if (targets.undone.size() != (is_undo ? targets.ordinals.size() : 0))
        return fail(Errc::store_corrupt, "the log of an undo does not say how to undo");
    return targets;
}

}  // namespace carillon
