// What a part does for windows, in which devices may begin, each by its own clock. Rules:
// docs/rollout-reference.md.

#include "core/jobs/job_order.hpp"
#include "core/jobs/job_part.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

void JobPart::renew_windows() {
    const auto& rollout = gate_->rollout();
    if (rollout.text == windows_text_) return;
    windows_text_ = rollout.text;
    const auto& method = definition().method;
    auto windows = RolloutWindows::of(rollout, method ? method->response_timeout_s : 0);
    windows_.reset();
    if (windows) windows_ = std::make_unique<WindowClock>(*std::move(windows), site_.zones);
    has_windows_ |= windows_ != nullptr;
    shut_.assign(windows_ ? size() : 0, false);
    shut_count_ = 0;
}

WindowLook JobPart::window_of(std::uint32_t index) const {
    if (!windows_) return WindowLook::open;
    const auto now = shard().clock().wall_now();
    const auto& windows = windows_->windows();
    if (!windows.has_path()) return windows_->look(windows.zone, now);
    const auto ordinal = ordinals_[index];
    const Record* record = ordinal == no_ordinal ? nullptr : shard().directory().find(ordinal);
    if (!record || !record->exists()) return WindowLook::open;  // Its turn says that it is gone.
    const Record* parent =
        record->key.is_module() ? shard().directory().find(IdentityKey(record->key.device)) : nullptr;
    const bool has_parent = parent && parent->exists();
    const auto zone =
        twin_text_at(windows.zone, record->committed->twin, has_parent ? &parent->committed->twin : nullptr);
    return windows_->look(zone.value_or(windows.fallback), now);
}

void JobPart::shut_out(std::uint32_t index, WindowLook seen) {
    if (seen == WindowLook::none && !gate_->is_held()) {
        state_.claim(index);
        return skip(index);
    }
    mark_shut(index);
}

void JobPart::mark_shut(std::uint32_t index) {
    if (shut_.empty() || shut_[index]) return;
    shut_[index] = true;
    ++shut_count_;
    if (std::exchange(is_window_news_, true)) return;
    // Once for all of this turn.
    after(Duration::zero(), [this] {
        is_window_news_ = false;
        arm_windows();
        report_soon();  // Progress shows for what they wait.
    });
}

void JobPart::clear_shut(std::uint32_t index) {
    if (shut_.empty() || !shut_[index]) return;
    shut_[index] = false;
    --shut_count_;
}

/// Wakes when a window opens next, in whichever zone.
void JobPart::arm_windows() {
    if (!windows_ || is_closed_ || is_stopped_) return;
    const auto now = shard().clock().wall_now();
    const auto next = windows_->next_opening(now);
    if (!next) return;
    const auto most = std::chrono::duration_cast<std::chrono::nanoseconds>(timer_distance_max).count() / 100;
    const auto ticks = std::clamp<std::int64_t>(next->ticks - now.ticks, 1, most);
    const WallTime at{now.ticks + ticks};
    if (windows_armed_ && *windows_armed_ <= at) return;
    windows_armed_ = at;
    after(std::chrono::nanoseconds(ticks * 100), [this, at, opening = *next] {
        if (windows_armed_ != at || is_stopped()) return;
        windows_armed_.reset();
        if (shard().clock().wall_now() >= opening) expire();
        arm_windows();
    });
}

}  // namespace carillon
