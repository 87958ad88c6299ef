#include "core/jobs/job_part.hpp"

#include "base/log.hpp"
#include "core/jobs/members/member_watch.hpp"
#include "core/jobs/notices/job_notices.hpp"
#include "model/rollouts/members.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace carillon {
namespace {

std::unique_ptr<PartGate> make_gate(const JobSite& site, const JobEntry& entry, JobPart::Targets& targets,
                                    const PartState& state) {
    const auto& rollout = entry.definition().rollout;
    if (!rollout) return nullptr;
    return std::make_unique<PartGate>(site.shard.number(), rollout->order.kind != RolloutOrderKind::as_stored,
                                      std::move(targets.places), std::move(targets.order), state);
}

bool is_continuous(const JobEntry& entry) {
    const auto& rollout = entry.definition().rollout;
    return rollout && RolloutMembers::of(*rollout).is_continuous;
}

}  // namespace

JobPart::JobPart(JobSite& site, std::shared_ptr<JobEntry> entry, Targets targets)
    : site_(site),
      entry_(std::move(entry)),
      ordinals_(std::move(targets.ordinals)),
      state_(std::move(targets.state)),
      next_sequence_(targets.next_sequence),
      position_(targets.next_sequence),
      chain_(std::move(targets.chain)),
      gate_(make_gate(site, *entry_, targets, state_)),
      backing_off_(std::move(targets.backing_off)),
      undone_(std::move(targets.undone)),
      awaited_(std::move(targets.awaited)),
      must_succeed_(std::move(targets.must_succeed)),
      is_continuous_(is_continuous(*entry_)),
      joined_(std::move(targets.joined)),
      lost_before_(std::move(targets.lost)) {
    if (gate_) gate_->remember_begun(std::move(targets.begun), std::move(targets.times));
    CARILLON_ASSERT(ordinals_.size() == state_.size());
    CARILLON_ASSERT(undone_.size() == 0 || undone_.size() == state_.size());
}

void JobPart::begin() {
    publish(position_);
    has_begun_ = true;
    if (state_.is_done() && !is_continuous_) return finish_if_done();
    if (gate_) {
        // The orders, which may have changed everything, are on their way if they are not there.
        if (gate_->has_orders()) begin_ordered();
        return;
    }
    if (state_.counts().running > 0) put_end(EndKind::restart);
    arm_deadline(++armed_);
    if (!is_closed_) wake();
}

void JobPart::begin_ordered() {
    ordered(true);
    arm_deadline(++armed_);
    if (is_continuous_) site_.members.open(site_, std::static_pointer_cast<JobPart>(shared_from_this()));
    follow_orders();
    report_soon();
    if (!is_closed_) wake();
}

void JobPart::obey(PartOrders orders) {
    if (is_finished_ || is_stopped_) return;
    const bool is_first = !gate_->has_orders();
    if (!is_first && orders.number <= gate_->orders().number) {
        // Who says it again has not heard how the part stands.
        if (has_begun_) report_soon();
        return;
    }
    gate_->obey(std::move(orders), state_);
    renew_watch();
    renew_windows();
    if (!has_begun_) return;
    if (is_first) return begin_ordered();
    if (gate_->is_held()) return_permits();
    ordered(false);
    arm_deadline(++armed_);
    report_soon();
    wake();
    follow_orders();
}

void JobPart::permit(std::uint64_t granted) {
    if (is_finished_) return;
    gate_->granted(granted);
    if (!may_begin() || gate_->is_held()) return return_permits();
    arm_lapse();
    wake();
}

void JobPart::arm_lapse() {
    if (is_lapse_armed_ || gate_->balance() == 0) return;
    is_lapse_armed_ = true;
    after(Gate::lapse, [this, old = gate_->all_granted()] {
        is_lapse_armed_ = false;
        if (gate_->is_unspent(old)) return_permits();
        arm_lapse();
    });
}

void JobPart::return_permits() {
    const auto balance = gate_->balance();
    if (balance == 0) return;
    gate_->give_back(balance);
    report_soon();
}

void JobPart::report_soon() {
    if (is_report_due_) return;
    is_report_due_ = true;
    boost::asio::post(shard().executor(), [weak = weak_from_this()] {
        const auto self = std::static_pointer_cast<JobPart>(weak.lock());
        if (!self) return;
        self->is_report_due_ = false;
        if (!self->is_finished_) self->send_report();
    });
}

void JobPart::send_report() {
    entry_->share(shard().number(), share());
    // A device may confirm right after a start of the hub, before the orders are there; they are answered
    // then.
    if (!is_finished_ && !gate_->has_orders()) return;
    auto report = gate_->report();
    if (chain_) report.log = chain_->durable();
    add_watched(report);
    if (!is_finished_) {
        fill(report);
        if (gate_->has_order()) add_places(report);
        const auto& orders = gate_->orders();
        report.obeyed = !orders.is_held || is_quiet() ? orders.number : 0;
        if (!may_begin() || gate_->is_held()) report.wanted = 0;
    } else {
        report.obeyed = UINT64_MAX;
        report.must_missed = static_cast<std::uint64_t>(std::count_if(
            must_succeed_.begin(), must_succeed_.end(),
            [this](std::uint32_t index) { return state_.at(index) != TargetState::succeeded; }));
    }
    site_.report(job(), std::move(report));
}

void JobPart::cancel() {
    if (is_cancelling_ || is_finished_) return;
    is_cancelling_ = true;
    close();
    put_end(EndKind::cancel_pending);
    after(cancel_grace, [this] {
        if (!is_finished_ && !is_stopped_) put_end(EndKind::cancel_rest);
    });
    wake();
}

void JobPart::stop() {
    if (is_stopped_) return;
    flush();
    is_stopped_ = true;
}

void JobPart::device_ready(Record&) {}
void JobPart::device_removed(Record&) {}

void JobPart::after(Duration delay, UniqueFunction<void()> fire) {
    shard().timers().at(shard().clock().now() + delay,
                        [weak = weak_from_this(), held = std::move(fire)]() mutable {
                            if (const auto self = weak.lock()) held();
                        });
}

void JobPart::pause() {
    if (is_paused_) return;
    is_paused_ = true;
    after(retry_delay, [this] {
        is_paused_ = false;
        put_given_up();
        if (is_continuous_) site_.members.renew(job());
        // Nothing was wanted meanwhile, and nothing else may happen that would say so.
        if (gate_ && gate_->has_orders()) report_soon();
        wake();
    });
}

Duration JobPart::time_left() const {
    // The distance is bounded before it becomes nanoseconds.
    constexpr auto most = WallTime::ticks_per_second * JobLimits::execution_time_max_s;
    const auto ticks = deadline().ticks - shard().clock().wall_now().ticks;
    return std::chrono::nanoseconds(std::clamp<std::int64_t>(ticks, 0, most) * 100);
}

void JobPart::arm_deadline(std::uint64_t armed) {
    if (armed != armed_ || is_finished_ || is_closed_ || is_stopped_) return;
    const auto left = time_left();
    if (left > Duration::zero()) {
        return after(std::min<Duration>(left, timer_distance_max), [this, armed] { arm_deadline(armed); });
    }
    close();
    put_end(EndKind::deadline);
}

void JobPart::hold_changed() {
    // A part that only waits for its beginning, such as for an approval, is not woken.
    if (!has_begun_ || is_finished_ || is_stopped_) return;
    if (gate_ && gate_->has_orders()) report_soon();
    wake();
}

void JobPart::close() {
    if (is_closed_) return;
    is_closed_ = true;
    skipped_.clear();
    given_up_.clear();
    parked_lines_.clear();
    parked_ = 0;
    closed();
}

void JobPart::put_end(EndKind end) {
    // What is known already comes first, as it happened first.
    flush();
    EndedEvent event;
    event.time = shard().clock().wall_now();
    event.end = end;
    append(event);
}

void JobPart::append(JobEvent event) {
    put_risks(event);
    auto& batch = shard().committer().batch();
    const auto sequence = next_sequence_++;
    auto key = job_event_key(job(), shard().number(), sequence);
    auto value = encode_job_event(event);
    if (chain_) value = chain_->link(sequence, key, std::move(value));
    batch.put(Table::job_events, std::move(key), std::move(value));
    site_.notices.written(entry_, sequence);
    const auto self = std::static_pointer_cast<JobPart>(shared_from_this());
    shard().committer().on_durable([self, sequence, held = std::move(event)](const Result<>& result) mutable {
        self->settled(result, std::move(held), sequence);
    });
}

// --- devices that are not there ------------------------------------------------------------------

void JobPart::skip(std::uint32_t index) {
    skipped_.push_back(index);
    wake();
}

void JobPart::put_skipped() {
    if (skipped_.empty() || is_skip_under_way_ || is_closed_) return;
    CanceledEvent event;
    event.time = shard().clock().wall_now();
    event.reason = CancelReason::skipped;
    event.indexes = std::exchange(skipped_, {});
    std::sort(event.indexes.begin(), event.indexes.end());
    is_skip_under_way_ = true;
    append(std::move(event));
}

/// True if the device has been waited for as long as the job says.
bool JobPart::is_overdue(std::uint32_t index) const {
    const auto& ttl = gate()->rollout().offline.ttl;
    if (!ttl) return false;
    const auto& opened = gate()->orders().opened;
    const auto wave = gate()->wave_of(index);
    if (wave >= opened.size()) return false;
    const auto since = std::max(opened[wave].ticks, joined_at(index).ticks);
    return shard().clock().wall_now().ticks >= since + ttl->ms * WallTime::ticks_per_ms;
}

/// Wakes when the next wave's time to live is over, or the time of patience.
void JobPart::arm_ttl() {
    const auto armed = ++armed_ttl_;
    const auto& offline = gate()->rollout().offline;
    if (!may_begin() || (offline.then != OfflineThen::skip && !offline.ttl)) return;
    const auto now = shard().clock().wall_now().ticks;
    const auto& orders = gate()->orders();
    std::int64_t next = INT64_MAX;
    if (orders.patient_until.ticks > now) {
        next = orders.patient_until.ticks;
    } else if (offline.ttl) {
        for (const auto& opened : orders.opened) {
            const auto over = opened.ticks + offline.ttl->ms * WallTime::ticks_per_ms;
            if (over > now) next = std::min(next, over);
        }
        const auto ttl = offline.ttl->ms * WallTime::ticks_per_ms;
        const auto joined = std::partition_point(joined_.begin(), joined_.end(), [&](const auto& event) {
            return event.second.ticks + ttl <= now;
        });
        if (joined != joined_.end()) next = std::min(next, joined->second.ticks + ttl);
    }
    if (next == INT64_MAX) return;
    const auto most = std::chrono::duration_cast<std::chrono::nanoseconds>(timer_distance_max).count() / 100;
    const auto ticks = std::min<std::int64_t>(next - now, most);
    after(std::chrono::nanoseconds(ticks * 100), [this, armed] {
        if (armed == armed_ttl_ && !is_stopped()) expire();
    });
}

// -------------------------------------------------------------------------------------------------

void JobPart::publish(std::uint64_t position) {
    position_ = position;
    if (gate_) entry_->share(shard().number(), share());
    entry_->publish(shard().number(), state_, position, shard().clock().now());
}

/// What progress shows of this part beside its counters.
PartShare JobPart::share() const {
    GateReport report;
    if (gate_->has_orders()) fill(report);
    return {gate_->waves(),
            state_.attempts(),
            report.backing_off,
            report.waits_offline,
            report.waits_window,
            is_held_by_budget(),
            parked_};
}

void JobPart::settled(Result<> result, JobEvent event, std::uint64_t sequence) {
    if (chain_) chain_->settled(sequence, result.has_value());
    site_.notices.settled(job(), sequence, result.has_value());
    if (is_finished_) return;
    const auto* skip = std::get_if<CanceledEvent>(&event);
    if (skip != nullptr && skip->reason == CancelReason::skipped) {
        is_skip_under_way_ = false;
        if (!result) {
            if (!is_closed_) skipped_.insert(skipped_.end(), skip->indexes.begin(), skip->indexes.end());
            return pause();
        }
        if (!skipped_.empty()) wake();
    }
    const bool is_given_up = skip != nullptr && skip->spares_begun();
    if (is_given_up) settle_given_up(*skip, result.has_value());
    if (result) {
        if (const auto* came = std::get_if<JoinedEvent>(&event)) grow(*came);
        if (auto* kept = std::get_if<ReversalsEvent>(&event)) undone_.take(std::move(*kept), sequence);
        if (const auto* lost = std::get_if<LostEvent>(&event)) settle_lost(*lost, true);
        const bool is_followed = site_.members.is_source(job());
        std::vector<std::uint32_t> moved;
        const JobCounts before = state_.counts();
        if (gate_) {
            gate_->follow(event, state_);
            watch_begun(event);
            CARILLON_ASSERT(state_.apply(event, [&](std::uint32_t index) {
                note_risk(index, event);
                if (is_followed) moved.push_back(index);
                gate_->note(index, state_);
                if (is_terminal(state_.at(index))) clear_shut(index);
                // It was begun as it was taken, and is pending again.
                if (is_taken(index) && status_of(state_.at(index)) == DeviceJobStatus::pending)
                    given_up_.push_back(index);
            }));
            put_given_up();
            report_soon();
        } else {
            CARILLON_ASSERT(state_.apply(event, [&](std::uint32_t index) {
                note_risk(index, event);
                if (is_followed) moved.push_back(index);
            }));
        }
        if (is_followed) site_.members.moved(*this, state_, moved);
        site_.metrics[place_of(definition().type)].count(before, state_.counts());
        publish(sequence + 1);
        applied(event);
        if (const auto* came = std::get_if<JoinedEvent>(&event)) settle_joined(*came, true);
        return finish_if_done();
    }
    take_back_risks(event);
    if (const auto* ended = std::get_if<EndedEvent>(&event)) {
        const auto end = ended->end;
        return after(retry_delay, [this, end] {
            if (!is_finished_ && !is_stopped_) put_end(end);
        });
    }
    if (is_given_up) return pause();
    if (const auto* came = std::get_if<JoinedEvent>(&event)) {
        pause();
        return settle_joined(*came, false);
    }
    if (const auto* lost = std::get_if<LostEvent>(&event)) {
        settle_lost(*lost, false);
        return pause();
    }
    refused(std::move(event));
}

void JobPart::finish_if_done() {
    if (is_finished_ || !state_.is_done() || keeps_open()) return;
    is_finished_ = true;
    is_closed_ = true;
    if (gate_) send_report();
    site_.finished(job());
}

}  // namespace carillon
