// What a twin part does where devices confirm what was written: it waits for what they report, for so long
// from when they were reached. Rules: docs/rollout-reference.md.

#include "core/jobs/confirm/confirming.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

TwinPart::Confirming::Confirming(const RolloutConfirm& confirm, const TwinPatch& patch,
                                 const query::QueryOptions& options)
    : devices(std::chrono::milliseconds(confirm.within.ms)) {
    // Both were checked when the job was accepted. A condition that another setting has made none since then
    // holds for no device.
    if (confirm.by == ConfirmBy::condition) {
        auto parsed = query::parse_job_condition(confirm.condition, options);
        if (parsed) condition = *std::move(parsed);
    } else if (auto made = ConfirmRule::make(confirm, patch)) {
        rule = *std::move(made);
    }
}

/// After a restart devices are compared with their twins, which hold all that they have reported meanwhile.
/// Their time begins anew, as their connections do.
void TwinPart::await_again(const std::vector<Awaited>& awaited) {
    for (const auto& device : awaited) {
        const auto ordinal = ordinals()[device.index];
        confirming_->devices.add(ordinal, {device.index, false, device.version, 0, device.written});
    }
}

void TwinPart::await(const WrittenEvent& event) {
    auto& held = *confirming_;
    const auto now = shard().clock().now();
    for (const auto& device : event.devices) {
        if (!device.is_awaited || is_terminal(state().at(device.index))) continue;
        const auto ordinal = ordinals()[device.index];
        held.devices.add(ordinal, {device.index, false, device.version, 0, event.time});
        // It is notified in this turn of the loop, or reads its twin.
        if (is_there(device.index)) held.devices.reach(ordinal, now);
        look_at(ordinal);
    }
    arm_confirm();
    look_again_later();
}

/// Devices that are begun and not ended. Where nobody is waited for, one that was written while it was away
/// is not begun before it is reached.
std::size_t TwinPart::awaited_in_flight() const {
    if (!confirming_) return 0;
    const auto& held = *confirming_;
    return held.unsettled + (waits_for_devices() ? held.devices.size() : held.devices.reached());
}

void TwinPart::look_at(Ordinal ordinal) {
    auto& held = *confirming_;
    const auto* device = held.devices.find(ordinal);
    if (device == nullptr) return;
    const Record* record = shard().directory().find(ordinal);
    Failure failure;
    if (record == nullptr || !record->exists()) {
        failure.reason = FailReason::device_not_found;
        return conclude(ordinal, std::move(failure));
    }
    const auto& twin = record->committed->twin;
    if (held.condition) {
        const auto live = record->live();
        const query::Row row(*record->committed, record->key, live);
        if (held.condition->where.is_always() || held.condition->where.keeps(row, held.meter))
            conclude(ordinal, {});
        return;
    }
    if (!held.rule) return;
    switch (held.rule->look(twin, device->version)) {
        case ConfirmRule::State::waiting:
            return;
        case ConfirmRule::State::converged:
            return conclude(ordinal, {});
        case ConfirmRule::State::refused:
            failure.reason = FailReason::diverged;
            failure.text = held.rule->other_value(twin, device->version, {});
            return conclude(ordinal, std::move(failure));
        case ConfirmRule::State::superseded:
            held.superseded.push_back(device->index);
            ++held.unsettled;
            held.devices.erase(ordinal);
            return put_confirmed_soon();
    }
}

/// What becomes of it is known; `failure` is none if it has confirmed.
void TwinPart::conclude(Ordinal ordinal, Failure failure) {
    auto& held = *confirming_;
    held.confirmed.push_back({held.devices.find(ordinal)->index, std::move(failure)});
    held.devices.erase(ordinal);
    ++held.unsettled;
    put_confirmed_soon();
}

/// A device gives its place to another when its end is durable.
void TwinPart::settle_confirmed(const JobEvent& event) {
    const auto* canceled = std::get_if<CanceledEvent>(&event);
    if (const auto* confirmed = std::get_if<ConfirmedEvent>(&event))
        confirming_->unsettled -= confirmed->devices.size();
    if (canceled != nullptr && canceled->reason == CancelReason::superseded && canceled->by == 0)
        confirming_->unsettled -= canceled->indexes.size();
}

void TwinPart::put_confirmed_soon() {
    auto& held = *confirming_;
    if (held.confirmed.size() + held.superseded.size() >= confirmed_max && !is_paused())
        return put_confirmed();
    if (std::exchange(held.is_put_armed, true)) return;
    after(confirmed_delay, [this] {
        confirming_->is_put_armed = false;
        if (is_stopped()) return;
        if (is_paused()) return put_confirmed_soon();
        put_confirmed();
    });
}

void TwinPart::put_confirmed() {
    auto& held = *confirming_;
    if (!held.confirmed.empty()) {
        ConfirmedEvent event;
        event.time = shard().clock().wall_now();
        event.devices = std::exchange(held.confirmed, {});
        std::sort(event.devices.begin(), event.devices.end(),
                  [](const auto& a, const auto& b) { return a.index < b.index; });
        append(std::move(event));
    }
    if (!held.superseded.empty()) {
        CanceledEvent event;
        event.time = shard().clock().wall_now();
        event.reason = CancelReason::superseded;
        event.indexes = std::exchange(held.superseded, {});
        std::sort(event.indexes.begin(), event.indexes.end());
        append(std::move(event));
    }
}

/// The store refused it: what it says is written again.
void TwinPart::take_back(const JobEvent& event) {
    auto& held = *confirming_;
    if (const auto* confirmed = std::get_if<ConfirmedEvent>(&event))
        held.confirmed.insert(held.confirmed.end(), confirmed->devices.begin(), confirmed->devices.end());
    if (const auto* canceled = std::get_if<CanceledEvent>(&event);
        canceled != nullptr && !canceled->spares_begun())
        held.superseded.insert(held.superseded.end(), canceled->indexes.begin(), canceled->indexes.end());
    put_confirmed_soon();
}

// --- time ----------------------------------------------------------------------------------------

/// Why a device has not confirmed when its time is over.
Failure TwinPart::missing(Ordinal ordinal) const {
    const auto& held = *confirming_;
    const auto& device = *held.devices.find(ordinal);
    Failure failure;
    const Record* record = shard().directory().find(ordinal);
    if (record == nullptr || !record->exists()) {
        failure.reason = FailReason::device_not_found;
        return failure;
    }
    const auto& twin = record->committed->twin;
    if (held.rule) {
        failure.text = held.rule->other_value(twin, device.version, device.written);
    } else if (twin.reported.version() > 1 && twin.reported.last_updated() >= device.written) {
        failure.text = "The device has reported since, and the condition does not hold.";
    }
    if (!failure.text.empty()) {
        failure.reason = FailReason::diverged;
    } else {
        failure.reason = device.is_reached ? FailReason::silent : FailReason::undelivered;
    }
    return failure;
}

void TwinPart::arm_confirm() {
    auto& held = *confirming_;
    const auto next = held.devices.next_due();
    if (!next) return;
    const auto now = shard().clock().now();
    after(std::max<Duration>(*next - now, Duration::zero()), [this, armed = ++held.armed] {
        if (armed == confirming_->armed && !is_stopped()) end_due();
    });
}

/// Of those whose time is over a slice; the others follow at once.
void TwinPart::end_due() {
    auto& held = *confirming_;
    const auto now = shard().clock().now();
    for (std::size_t ended = 0; ended < look_slice_max; ++ended) {
        const auto ordinal = held.devices.take_due(now);
        if (!ordinal) break;
        if (held.devices.find(*ordinal) != nullptr) conclude(*ordinal, missing(*ordinal));
    }
    arm_confirm();
}

/// Devices are looked at in turn: whether their twins have changed and, of those that were not connected when
/// they were written, whether they are by now. So others that write twins have nothing to do with it. Those
/// that are connected come first: they are few, and it is they that report.
void TwinPart::look_again_later() {
    auto& held = *confirming_;
    if (held.devices.size() == 0 || std::exchange(held.is_look_armed, true)) return;
    after(confirm_look_delay, [this] {
        auto& mine = *confirming_;
        mine.is_look_armed = false;
        if (is_stopped()) return;
        const auto reached = mine.devices.reached();
        const auto now = shard().clock().now();
        mine.devices.look_at_next(confirm_looks_max, [&](Ordinal ordinal, AwaitedDevices::Device& device) {
            const Record* record = shard().directory().find(ordinal);
            const bool is_gone = record == nullptr || !record->exists();
            if (!device.is_reached && (is_gone || record->link != nullptr)) mine.devices.reach(ordinal, now);
            const auto version = is_gone ? -1 : record->committed->twin.version;
            if (std::exchange(device.looked, version) != version) look_at(ordinal);
        });
        if (mine.devices.reached() != reached) {
            report_soon();
            arm_confirm();
        }
        look_again_later();
    });
}

/// A device that has connected is reached.
void TwinPart::device_ready(Record& record) {
    if (!confirming_ || confirming_->devices.find(record.ordinal) == nullptr) return;
    const auto reached = confirming_->devices.reached();
    confirming_->devices.reach(record.ordinal, shard().clock().now());
    if (confirming_->devices.reached() == reached || is_stopped()) return;
    report_soon();
    arm_confirm();
}

void TwinPart::device_removed(Record& record) {
    if (!confirming_ || confirming_->devices.find(record.ordinal) == nullptr) return;
    Failure failure;
    failure.reason = FailReason::device_not_found;
    conclude(record.ordinal, std::move(failure));
}

/// At the deadline all that is awaited ends as when its time is over.
void TwinPart::flush() {
    if (!confirming_ || is_stopped()) return;
    const bool is_deadline = !is_cancelling() && time_left() == Duration::zero();
    if (is_deadline) {
        for (const auto ordinal : confirming_->devices.all()) conclude(ordinal, missing(ordinal));
    }
    put_confirmed();
}

}  // namespace carillon
