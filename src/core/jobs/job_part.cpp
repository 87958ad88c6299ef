#include "core/jobs/job_part.hpp"

#include "base/log.hpp"

#include <algorithm>

namespace carillon {

JobPart::JobPart(JobSite& site, std::shared_ptr<JobEntry> entry, Targets targets)
    : site_(site),
      entry_(std::move(entry)),
      ordinals_(std::move(targets.ordinals)),
      state_(std::move(targets.state)),
      next_sequence_(targets.next_sequence) {
    CARILLON_ASSERT(ordinals_.size() == state_.size());
}

void JobPart::begin() {
    publish(next_sequence_);
    if (state_.is_done()) return finish_if_done();
    if (state_.counts().running > 0) put_end(EndKind::restart);
    arm_deadline();
    if (!is_closed_) wake();
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
        wake();
    });
}

Duration JobPart::time_left() const {
    // The distance is bounded before it becomes nanoseconds.
    constexpr auto most = WallTime::ticks_per_second * JobLimits::execution_time_max_s;
    const auto ticks = definition().deadline().ticks - shard().clock().wall_now().ticks;
    return std::chrono::nanoseconds(std::clamp<std::int64_t>(ticks, 0, most) * 100);
}

void JobPart::arm_deadline() {
    if (is_finished_ || is_closed_ || is_stopped_) return;
    const auto left = time_left();
    if (left > Duration::zero()) {
        return after(std::min<Duration>(left, timer_distance_max), [this] { arm_deadline(); });
    }
    close();
    put_end(EndKind::deadline);
}

void JobPart::close() {
    if (is_closed_) return;
    is_closed_ = true;
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
    auto& batch = shard().committer().batch();
    const auto sequence = next_sequence_++;
    batch.put(Table::job_events, job_event_key(job(), shard().number(), sequence), encode_job_event(event));
    const auto self = std::static_pointer_cast<JobPart>(shared_from_this());
    shard().committer().on_durable([self, sequence, held = std::move(event)](const Result<>& result) mutable {
        self->settled(result, std::move(held), sequence);
    });
}

void JobPart::publish(std::uint64_t position) {
    entry_->publish(shard().number(), state_, position, shard().clock().now());
}

void JobPart::settled(Result<> result, JobEvent event, std::uint64_t sequence) {
    if (is_finished_) return;
    if (result) {
        CARILLON_ASSERT(state_.apply(event));
        publish(sequence + 1);
        applied(event);
        return finish_if_done();
    }
    if (const auto* ended = std::get_if<EndedEvent>(&event)) {
        const auto end = ended->end;
        return after(retry_delay, [this, end] {
            if (!is_finished_ && !is_stopped_) put_end(end);
        });
    }
    refused(std::move(event));
}

void JobPart::finish_if_done() {
    if (is_finished_ || !state_.is_done()) return;
    is_finished_ = true;
    is_closed_ = true;
    site_.finished(job());
}

}  // namespace carillon
