#include "core/jobs/job_twin_part.hpp"

#include "core/shard/throttles.hpp"
#include "core/shard/twin_log.hpp"
#include "core/shard/twin_log_folder.hpp"

#include <algorithm>

namespace carillon {

namespace {

/// What a patch reads of a twin it is merged into.
query::RowParts parts_of(const TwinPatch& patch) {
    return {.tags = patch.tags.has_value(), .desired = patch.desired.has_value(), .other = true};
}

}  // namespace

TwinPart::TwinPart(JobSite& site, std::shared_ptr<JobEntry> entry, Targets targets)
    : JobPart(site, std::move(entry), std::move(targets)),
      prefetch_(shard().directory(), parts_of(*definition().patch)) {
    if (gate()) return;
    // Chunks go in order, so what a restart finds done is the beginning.
    while (cursor_ < size() && is_terminal(state().at(cursor_))) ++cursor_;
}

bool TwinPart::has_room() const {
    return chunks_under_way_ < chunks_under_way_max && notice_bytes_ < notice_bytes_max &&
           connected_ < connected_under_way_max && !shard().committer().is_full();
}

bool TwinPart::step() {
    if (gate()) return step_gated();
    if (!may_begin() || cursor_ >= size()) return false;
    if (!has_room()) {
        wait_for_room();
        return false;
    }
    const auto& clock = shard().clock();
    const auto now = clock.now();
    const auto enough = now + slice_max;
    const auto most =
        std::min<std::size_t>(size() - cursor_, std::max<std::size_t>(1, site().limits.twin_chunk_devices));
    const auto granted = site().throttles.take_some(ThrottleClass::job_devices, most, now);
    if (granted == 0) {
        ask_again();
        return false;
    }
    const auto end = cursor_ + granted;
    Chunk chunk;
    chunk.event.time = clock.wall_now();
    chunk.event.from = cursor_;
    chunk.patched.reserve(end - cursor_);
    chunk.notices.reserve(end - cursor_);
    while (cursor_ < end && chunk.connected < chunk_connected_max && chunk.notice_bytes < notice_bytes_max) {
        fetch_ahead(cursor_);
        patch(cursor_++, chunk);
        if (cursor_ % 16 == 0 && clock.now() >= enough) break;
    }
    chunk.event.to = cursor_;
    site().throttles.give_back(ThrottleClass::job_devices, end - cursor_);
    put(std::move(chunk));
    return cursor_ < size();
}

void TwinPart::wait_for_room() {
    // A chunk of ours that is under way wakes us; others' writes do not.
    if (chunks_under_way_ > 0) return;
    const auto self = shared_from_this();
    shard().committer().on_durable([self](const Result<>&) { static_cast<TwinPart&>(*self).wake(); });
}

void TwinPart::ask_again() {
    if (is_asking_) return;
    is_asking_ = true;
    after(pace_delay, [this] {
        is_asking_ = false;
        wake();
    });
}

/// Devices that were not registered in the order of their ids lie anywhere in memory.
void TwinPart::fetch_ahead(std::size_t index) const {
    if (index + RowPrefetch::record_ahead >= size()) return;
    prefetch_.record(ordinals()[index + RowPrefetch::record_ahead]);
    prefetch_.document(ordinals()[index + RowPrefetch::document_ahead]);
}

void TwinPart::patch(std::uint32_t index, Chunk& chunk) {
    const auto ordinal = ordinals()[index];
    Record* record = ordinal == no_ordinal ? nullptr : shard().directory().find(ordinal);
    const Document* before = record ? record->newest() : nullptr;
    if (!before) {
        Failure failure;
        failure.reason = FailReason::device_not_found;
        return fail(index, std::move(failure), chunk);
    }
    auto change = patch_twin(before->twin, *definition().patch, chunk.event.time);
    if (!change) {
        return fail(index, gate() ? rollout_failure_of(change.error()) : failure_of(change.error()), chunk);
    }
    Document document;
    document.identity = before->identity;
    document.twin = std::move(change->twin);
    if (!change->notification.empty()) {
        // Kept for devices that are not connected as well: they may be by then.
        chunk.notice_bytes += change->notification.size();
        if (record->link) ++chunk.connected;
        chunk.notices.push_back({ordinal, document.twin.desired.version(), std::move(change->notification)});
    }
    if (gate()) chunk.written.push_back({index, {}, document.twin.desired.version()});
    shard().write(*record, std::move(document));
    chunk.patched.push_back(ordinal);
}

void TwinPart::fail(std::uint32_t index, Failure failure, Chunk& chunk) const {
    if (gate()) {
        chunk.written.push_back({index, std::move(failure), 0});
    } else {
        chunk.event.failures.push_back({index, std::move(failure)});
    }
}

void TwinPart::put(Chunk chunk) {
    ++chunks_under_way_;
    notice_bytes_ += chunk.notice_bytes;
    connected_ += chunk.connected;

    std::size_t log_bytes = 0;
    const auto log_devices = chunk.patched.size();
    if (log_devices > 0) {
        auto key = twin_log_key(shard().number(), shard().next_sequence());
        auto entry = encode_twin_log_entry(chunk.event.time, *definition().patch, std::move(chunk.patched));
        log_bytes = key.size() + entry.size();
        shard().committer().batch().put(Table::twin_log, std::move(key), std::move(entry));
    }
    const auto devices = chunk.written.size();
    devices_under_way_ += devices;
    if (gate()) {
        std::sort(chunk.written.begin(), chunk.written.end(),
                  [](const auto& a, const auto& b) { return a.index < b.index; });
        append(WrittenEvent{chunk.event.time, std::move(chunk.written)});
    } else {
        append(std::move(chunk.event));
    }
    // After the event's own callback, so that counters move before devices hear of it.
    const auto self = std::static_pointer_cast<TwinPart>(shared_from_this());
    shard().committer().on_durable([self, log_devices, log_bytes, devices, bytes = chunk.notice_bytes,
                                    connected = chunk.connected,
                                    notices = std::move(chunk.notices)](const Result<>& result) {
        --self->chunks_under_way_;
        self->devices_under_way_ -= devices;
        if (self->gate()) self->report_soon();
        self->notice_bytes_ -= bytes;
        self->connected_ -= connected;
        if (result) {
            self->notify(notices);
            if (log_devices > 0) self->site().folder.logged(log_devices, log_bytes);
        }
        self->wake();
    });
}

void TwinPart::notify(const std::vector<Notice>& notices) const {
    const auto& directory = shard().directory();
    for (const auto& notice : notices) {
        const Record* record = directory.find(notice.ordinal);
        if (record && record->link && record->link->takes_desired()) {
            record->link->send_desired(notice.version, notice.body);
        }
    }
}

void TwinPart::applied(const JobEvent&) {}

void TwinPart::refused(JobEvent event) {
    // The store took back this chunk and all after it; the cursor goes back to the first of them.
    if (const auto* chunk = std::get_if<TwinChunkEvent>(&event)) cursor_ = std::min(cursor_, chunk->from);
    if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) again_.push_back(device.index);
        std::sort(again_.begin(), again_.end(),
                  [this](std::uint32_t a, std::uint32_t b) { return gate()->place(a) < gate()->place(b); });
    }
    pause();
}

// --- with a rollout ------------------------------------------------------------------------------

bool TwinPart::step_gated() {
    if (!may_begin()) return false;
    if (gate()->is_held() || !has_next()) {
        return_permits();
        return false;
    }
    if (!has_room()) {
        wait_for_room();
        return false;
    }
    const auto& clock = shard().clock();
    const auto now = clock.now();
    const auto enough = now + slice_max;
    const auto most = std::min<std::size_t>(static_cast<std::size_t>(gate()->balance()),
                                            std::max<std::size_t>(1, site().limits.twin_chunk_devices));
    if (most == 0) {
        report_soon();
        return false;
    }
    const auto granted = site().throttles.take_some(ThrottleClass::job_devices, most, now);
    if (granted == 0) {
        ask_again();
        return false;
    }
    Chunk chunk;
    chunk.event.time = clock.wall_now();
    std::size_t used = 0;
    while (used < granted && has_next() && chunk.connected < chunk_connected_max &&
           chunk.notice_bytes < notice_bytes_max) {
        const auto index = take_next();
        if (is_terminal(state().at(index))) continue;
        patch(index, chunk);
        if (++used % 16 == 0 && clock.now() >= enough) break;
    }
    site().throttles.give_back(ThrottleClass::job_devices, granted - used);
    gate()->use(used);
    if (used > 0) put(std::move(chunk));
    // The next permits are asked for while there are some left.
    if (gate()->balance() < Gate::batch_max) report_soon();
    return has_next() && gate()->balance() > 0;
}

/// The next device in the order of the job.
std::uint32_t TwinPart::take_next() {
    if (!again_.empty()) {
        const auto index = again_.front();
        again_.pop_front();
        return index;
    }
    const auto ahead = cursor_ + RowPrefetch::record_ahead;
    if (ahead < gate()->open_end()) {
        prefetch_.record(ordinals()[gate()->at(static_cast<std::uint32_t>(ahead))]);
        prefetch_.document(
            ordinals()[gate()->at(cursor_ + static_cast<std::uint32_t>(RowPrefetch::document_ahead))]);
    }
    return gate()->at(cursor_++);
}

void TwinPart::ordered(bool) {}

void TwinPart::fill(GateReport& report) const {
    report.in_flight = devices_under_way_;
    const auto left = again_.size() + (gate()->open_end() - std::min(cursor_, gate()->open_end()));
    report.wanted = std::min<std::size_t>(left, Gate::outstanding_max);
}

void TwinPart::add_places(GateReport& report) const {
    report.places.reserve(report.wanted);
    for (const auto index : again_) {
        if (report.places.size() < report.wanted) report.places.push_back(gate()->place(index));
    }
    for (auto at = cursor_; report.places.size() < report.wanted; ++at) {
        report.places.push_back(gate()->place(gate()->at(at)));
    }
}

}  // namespace carillon
