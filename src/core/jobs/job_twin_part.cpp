#include "core/jobs/job_twin_part.hpp"

#include "base/prefetch.hpp"
#include "core/jobs/budgets/shard_budgets.hpp"
#include "core/jobs/confirm/confirming.hpp"
#include "core/shard/throttles.hpp"
#include "core/shard/twin_log.hpp"
#include "core/shard/twin_log_folder.hpp"

#include <algorithm>
#include <functional>

namespace carillon {

namespace {

/// What a patch reads of a twin it is merged into.
query::RowParts parts_of(const std::optional<TwinPatch>& patch) {
    if (!patch) return {.tags = true, .desired = true, .other = true};
    return {.tags = patch->tags.has_value(), .desired = patch->desired.has_value(), .other = true};
}

/// As it is stored: by index, and reversals in the order of their first devices.
WrittenEvent in_order(WrittenEvent event) {
    const auto is_before = [](const auto& a, const auto& b) { return a.index < b.index; };
    // Devices that begin as they are stored stand in order, and so do their reversals.
    if (std::is_sorted(event.devices.begin(), event.devices.end(), is_before)) return event;
    std::sort(event.devices.begin(), event.devices.end(), is_before);
    std::vector<std::uint32_t> numbers(event.reversals.size() + 1);
    std::vector<Reversal> reversals;
    for (auto& device : event.devices) {
        if (device.reversal == 0) continue;
        auto& number = numbers[device.reversal];
        if (number == 0) {
            reversals.push_back(std::move(event.reversals[device.reversal - 1]));
            number = static_cast<std::uint32_t>(reversals.size());
        }
        device.reversal = number;
    }
    event.reversals = std::move(reversals);
    return event;
}

}  // namespace

TwinPart::TwinPart(JobSite& site, std::shared_ptr<JobEntry> entry, Targets targets)
    : JobPart(site, std::move(entry), std::move(targets)),
      prefetch_(shard().directory(),
                gate() && gate()->has_order()
                    ? query::RowParts{.tags = true, .desired = true, .reported = true, .other = true}
                    : parts_of(definition().patch)) {
    if (gate() && definition().patch) overwritten_.emplace(*definition().patch);
    const auto confirm = gate() ? RolloutConfirm::of(*definition().rollout) : std::nullopt;
    if (confirm && definition().patch) {
        confirming_ = std::make_unique<Confirming>(*confirm, *definition().patch, site.options);
        await_again(awaited());
    }
    if (gate()) return;
    // Chunks go in order, so what a restart finds done is the beginning.
    while (cursor_ < size() && is_terminal(state().at(cursor_))) ++cursor_;
}

TwinPart::~TwinPart() = default;

bool TwinPart::has_room() const {
    return chunks_under_way_ < chunks_under_way_max && notice_bytes_ < notice_bytes_max &&
           connected_ < connected_under_way_max && !shard().committer().is_full();
}

bool TwinPart::step() {
    if (gate()) return step_gated();
    if (!may_begin() || is_held_by_budget() || cursor_ >= size()) return false;
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
    const bool has_budgets = site().budgets.is_about(JobType::update_twin);
    Chunk chunk;
    chunk.event.time = clock.wall_now();
    chunk.event.from = cursor_;
    chunk.patched.reserve(end - cursor_);
    chunk.notices.reserve(end - cursor_);
    while (cursor_ < end && chunk.connected < chunk_connected_max && chunk.notice_bytes < notice_bytes_max) {
        fetch_ahead(cursor_);
        if (has_budgets && !take_budgets_in_order(cursor_)) break;
        patch(cursor_++, chunk);
        if (cursor_ % 16 == 0 && clock.now() >= enough) break;
    }
    chunk.event.to = cursor_;
    site().throttles.give_back(ThrottleClass::job_devices, end - cursor_);
    const bool is_exhausted = has_budgets && waits_for_budget();
    if (chunk.event.to > chunk.event.from) put(std::move(chunk));
    return !is_exhausted && cursor_ < size();
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
    if (definition().patch) return write(index, *record, *definition().patch, {}, chunk);
    auto restored = restoring(index, before->twin);
    if (!restored) return fail(index, rollout_failure_of(restored.error()), chunk);
    if (!restored->patch) {
        // Nothing is to be taken back, and nothing is written.
        chunk.written.devices.push_back({index, {}, before->twin.desired.version()});
        return;
    }
    const auto& patch = *restored->patch;
    write(index, *record, patch, *std::move(restored), chunk);
}

/// `restored` is what `patch` is of, or empty for the job's own.
void TwinPart::write(std::uint32_t index, Record& record, const TwinPatch& patch, UndoWriter::Write restored,
                     Chunk& chunk) {
    const Document& before = *record.newest();
    auto change = patch_twin(before.twin, patch, chunk.event.time);
    if (!change) {
        return fail(index, gate() ? rollout_failure_of(change.error()) : failure_of(change.error()), chunk);
    }
    Document document;
    document.identity = before.identity;
    document.twin = std::move(change->twin);
    if (!change->notification.empty()) {
        // Kept for devices that are not connected as well: they may be by then.
        chunk.notice_bytes += change->notification.size();
        if (record.link) ++chunk.connected;
        chunk.notices.push_back(
            {record.ordinal, document.twin.desired.version(), std::move(change->notification)});
    }
    if (gate()) {
        auto& device = chunk.written.devices.emplace_back();
        device.index = index;
        device.version = document.twin.desired.version();
        device.is_awaited = confirming_ != nullptr;
        if (!definition().rollout->keeps_undo) {
            // Nothing of it is.
        } else if (restored.overwritten) {
            restored.overwritten->text(before.twin, undone_there_);
            device.reversal = keep(restored.text, undone_there_, chunk);
        } else {
            // Those of devices side by side are mostly equal.
            const bool is_as_before = overwritten_->read(before.twin, now_there_);
            if (!is_as_before || chunk.last_kept == 0) chunk.last_kept = keep({}, now_there_.text, chunk);
            device.reversal = chunk.last_kept;
        }
    }
    shard().write(record, std::move(document));
    if (!restored.patch) {
        chunk.patched.push_back(record.ordinal);
        return;
    }
    const auto same = std::find_if(chunk.restored.begin(), chunk.restored.end(),
                                   [&](const Restored& group) { return group.patch == restored.patch; });
    if (same != chunk.restored.end()) {
        same->ordinals.push_back(record.ordinal);
    } else {
        chunk.restored.push_back({std::move(restored.patch), {record.ordinal}});
    }
}

/// Which of the chunk's reversals it is.
std::uint32_t TwinPart::keep(std::string_view wrote, std::string_view before, Chunk& chunk) {
    auto& reversals = chunk.written.reversals;
    const std::hash<std::string_view> hash;
    const auto digest = hash(before) * 31 + hash(wrote);
    const auto [from, to] = chunk.kept.equal_range(digest);
    for (auto found = from; found != to; ++found) {
        const auto& reversal = reversals[found->second - 1];
        if (reversal.before == before && reversal.wrote == wrote) return found->second;
    }
    chunk.reversal_bytes += wrote.size() + before.size();
    reversals.push_back({std::string(wrote), std::string(before)});
    const auto number = static_cast<std::uint32_t>(reversals.size());
    chunk.kept.emplace(digest, number);
    return number;
}

void TwinPart::fail(std::uint32_t index, Failure failure, Chunk& chunk) const {
    if (gate()) {
        chunk.written.devices.push_back({index, std::move(failure), 0});
    } else {
        chunk.event.failures.push_back({index, std::move(failure)});
    }
}

void TwinPart::put(Chunk chunk) {
    ++chunks_under_way_;
    notice_bytes_ += chunk.notice_bytes;
    connected_ += chunk.connected;

    std::size_t log_bytes = 0;
    std::size_t log_devices = chunk.patched.size();
    const auto time = chunk.event.time;
    if (log_devices > 0) log_bytes = put_log(time, *definition().patch, std::move(chunk.patched));
    for (auto& group : chunk.restored) {
        log_devices += group.ordinals.size();
        log_bytes += put_log(time, *group.patch, std::move(group.ordinals));
    }
    const auto devices = chunk.written.devices.size();
    devices_under_way_ += devices;
    if (gate()) {
        chunk.written.time = time;
        append(in_order(std::move(chunk.written)));
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

/// Answers how many bytes the entry takes.
std::size_t TwinPart::put_log(WallTime time, const TwinPatch& patch, std::vector<Ordinal> ordinals) {
    auto key = twin_log_key(shard().number(), shard().next_sequence());
    auto entry = encode_twin_log_entry(time, patch, std::move(ordinals));
    const auto bytes = key.size() + entry.size();
    shard().committer().batch().put(Table::twin_log, std::move(key), std::move(entry));
    return bytes;
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

void TwinPart::applied(const JobEvent& event) {
    const auto* written = std::get_if<WrittenEvent>(&event);
    if (confirming_ && written != nullptr) await(*written);
    if (confirming_) settle_confirmed(event);
}

void TwinPart::refused(JobEvent event) {
    // The store took back this chunk and all after it; the cursor goes back to the first of them.
    if (const auto* chunk = std::get_if<TwinChunkEvent>(&event)) cursor_ = std::min(cursor_, chunk->from);
    if (confirming_) take_back(event);
    if (const auto* written = std::get_if<WrittenEvent>(&event)) {
        for (const auto& device : written->devices) {
            if (device.failure.reason == FailReason::not_online) {
                expired_.push_back(device.index);
            } else {
                again_.push_back(device.index);
            }
        }
        std::sort(again_.begin(), again_.end(),
                  [this](std::uint32_t a, std::uint32_t b) { return gate()->place(a) < gate()->place(b); });
    }
    pause();
}

// --- with a rollout ------------------------------------------------------------------------------

bool TwinPart::step_gated() {
    if (!may_begin()) return false;
    if (is_held_by_budget()) {
        return_permits();
        return false;
    }
    bool is_looking = false;
    if (waits_for_devices()) {
        is_looking = expire_some();
        put_expired();
        if (!gate()->is_held()) {
            look_ahead();
            put_skipped();
            is_looking |= cursor_ < gate()->open_end() && again_.size() < Gate::outstanding_max;
        }
    }
    if (gate()->is_held() || !has_next()) {
        return_permits();
        return is_looking;
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
        return is_looking;
    }
    const auto granted = site().throttles.take_some(ThrottleClass::job_devices, most, now);
    if (granted == 0) {
        ask_again();
        return false;
    }
    Chunk chunk;
    chunk.event.time = clock.wall_now();
    chunk.written.devices.reserve(granted);
    chunk.patched.reserve(granted);
    chunk.notices.reserve(granted);
    const bool has_budgets = site().budgets.is_about(JobType::update_twin);
    std::size_t used = 0;
    std::size_t looked = 0;
    while (used < granted && has_next() && chunk.connected < chunk_connected_max &&
           chunk.notice_bytes < notice_bytes_max && chunk.reversal_bytes < reversal_bytes_max) {
        if (!knows_how_to_undo(peek_next())) break;
        const auto index = take_next();
        if (is_done_with(index)) continue;
        if (is_taken(index)) {
            state().release(index);
            continue;
        }
        if (waits_for_devices() && (!is_writable(index) || window_of(index) != WindowLook::open)) {
            state().release(index);
            consider(index);
            continue;
        }
        if (!has_budgets || take_budgets(index)) {
            patch(index, chunk);
            ++used;
        }
        if (++looked % 16 == 0 && clock.now() >= enough) break;
    }
    site().throttles.give_back(ThrottleClass::job_devices, granted - used);
    gate()->use(used);
    if (used > 0) put(std::move(chunk));
    if (undone().has_far()) {
        looked_ahead_ += used;
        fetch_undone_ahead();
        if (has_next() && !knows_how_to_undo(peek_next())) return is_looking;
    }
    // The next permits are asked for while there are some left.
    if (gate()->balance() < Gate::batch_max) report_soon();
    return is_looking || (has_next() && gate()->balance() > 0);
}

/// The next device in the order of the job.
std::uint32_t TwinPart::take_next() {
    if (!again_.empty()) {
        const auto index = again_.front();
        again_.pop_front();
        return index;
    }
    if (const auto ahead = cursor_ + target_ahead; gate()->has_order() && ahead < gate()->open_end()) {
        // In an order of its own everything of a device lies somewhere else than that of the one before.
        const auto index = gate()->at(ahead);
        carillon::prefetch(&ordinals()[index], sizeof(Ordinal));
        state().prefetch(index);
        gate()->prefetch(index);
    }
    if (const auto ahead = cursor_ + RowPrefetch::record_ahead; ahead < gate()->open_end()) {
        prefetch_.record(ordinals()[gate()->at(static_cast<std::uint32_t>(ahead))]);
        prefetch_.document(
            ordinals()[gate()->at(cursor_ + static_cast<std::uint32_t>(RowPrefetch::document_ahead))]);
    }
    return gate()->at(cursor_++);
}

void TwinPart::unpark(std::uint32_t index) {
    if (waits_for_devices()) return consider(index);
    if (!is_done_with(index) && !is_taken(index)) stand_in_line(index);
}

void TwinPart::ordered(bool is_first) {
    if (confirming_ && is_first) {
        for (const auto ordinal : confirming_->devices.all()) look_at(ordinal);
        look_again_later();
    }
    // A time to live may be over by now, and who may be skipped may be looked at again.
    if (waits_for_devices()) expire();
}

// --- devices that are waited for -----------------------------------------------------------------

/// A device that is gone counts as there, as its turn says that it is gone.
bool TwinPart::is_there(std::uint32_t index) const {
    const auto ordinal = ordinals()[index];
    const Record* record = ordinal == no_ordinal ? nullptr : shard().directory().find(ordinal);
    return !record || !record->exists() || record->link;
}

bool TwinPart::is_writable(std::uint32_t index) const {
    return gate()->rollout().offline.then == OfflineThen::write || is_there(index);
}

/// Finds who could begin next, so that the gate is asked for no more than can be used.
void TwinPart::look_ahead() {
    for (std::size_t looked = 0;
         looked < look_slice_max && again_.size() < Gate::outstanding_max && cursor_ < gate()->open_end();
         ++looked) {
        consider(gate()->at(cursor_++));
    }
}

void TwinPart::consider(std::uint32_t index) {
    if (is_done_with(index) || state().is_claimed(index) || is_taken(index)) return;
    clear_shut(index);
    if (const auto window = window_of(index); window != WindowLook::open) return shut_out(index, window);
    if (is_writable(index)) return stand_in_line(index);
    give_up(index);
    look_later();
}

void TwinPart::stand_in_line(std::uint32_t index) {
    state().claim(index);
    const auto at = std::upper_bound(
        again_.begin(), again_.end(), index,
        [this](std::uint32_t a, std::uint32_t b) { return gate()->place(a) < gate()->place(b); });
    again_.insert(at, index);
    report_soon();
}

/// Who was not there is looked for after this long; with many of them less often, as each look costs.
void TwinPart::look_later() {
    if (is_look_armed_) return;
    is_look_armed_ = true;
    const auto looks = std::max<std::uint64_t>(1, cursor_ / looked_each_second);
    after(look_delay * static_cast<std::int64_t>(looks), [this] {
        is_look_armed_ = false;
        if (!may_begin()) return;
        expiring_ = 0;
        wake();
    });
}

/// A device that is not there at its turn: what the offline policy says.
void TwinPart::give_up(std::uint32_t index) {
    if (is_patient() || state().is_claimed(index)) return;
    if (gate()->rollout().offline.then == OfflineThen::skip) {
        if (gate()->is_held()) return;
        state().claim(index);
        return skip(index);
    }
    if (!is_overdue(index)) return;
    state().claim(index);
    expired_.push_back(index);
    wake();
}

void TwinPart::put_expired() {
    if (expired_.empty()) return;
    WrittenEvent event;
    event.time = shard().clock().wall_now();
    for (const auto index : std::exchange(expired_, {})) {
        Failure failure;
        failure.reason = FailReason::not_online;
        event.devices.push_back({index, std::move(failure), 0});
    }
    append(in_order(std::move(event)));
}

void TwinPart::expire() {
    if (!may_begin()) return;
    expiring_ = 0;
    arm_ttl();
    wake();
}

/// Looks again at a slice of the devices whose turn was and that were not there; true if there is more.
bool TwinPart::expire_some() {
    for (std::size_t looked = 0; looked < look_slice_max && expiring_ < cursor_; ++looked) {
        const auto index = gate()->at(expiring_++);
        if (!is_done_with(index) && !state().is_claimed(index)) consider(index);
    }
    return expiring_ < cursor_;
}

void TwinPart::fill(GateReport& report) const {
    report.in_flight = devices_under_way_ + awaited_in_flight();
    const auto ahead = waits_for_devices() ? 0 : gate()->open_end() - std::min(cursor_, gate()->open_end());
    report.wanted =
        is_held_by_budget() ? 0 : std::min<std::size_t>(again_.size() + ahead, Gate::outstanding_max);
    if (!waits_for_devices()) return;
    const auto pending = state().counts().pending;
    const auto passed = pending - std::min<std::uint64_t>(pending, size() - cursor_);
    // What is awaited is running, and not pending.
    const auto known = again_.size() + skipped() + expired_.size() + devices_under_way_ + shut() + parked();
    report.waits_window = shut();
    report.waits_offline = passed > known ? passed - known : 0;
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
