#include "core/hub/token_revocations.hpp"

#include "base/text.hpp"

#include <fmt/core.h>

namespace carillon {
namespace {

constexpr std::string_view prefix = "revoked-tokens/";
constexpr std::string_view behind_prefix = "revoked-tokens0";  // '0' follows '/'.

std::string key_of(std::string_view device) {
    return std::string(prefix).append(device);
}

/// No token that ends at or before `up_to` is accepted any more by its own time.
bool is_over(WallTime up_to, WallTime now) {
    return up_to.plus_s(TokenRevocations::skew_s) < now;
}

}  // namespace

Result<> TokenRevocations::load(const Store& store) {
    Ends ends;
    bool is_sound = true;
    const auto read =
        store.scan(Table::meta, prefix, behind_prefix, [&](std::string_view key, std::string_view value) {
            const auto unix_s = parse_i64(value);
            is_sound = unix_s.has_value();
            if (is_sound) ends.emplace(key.substr(prefix.size()), WallTime::from_unix_s(*unix_s));
            return is_sound;
        });
    if (!read) return read;
    if (!is_sound) return fail(Errc::store_corrupt, "a revocation of tokens does not parse");
    const std::lock_guard lock(mutex_);
    ends_ = std::move(ends);
    count_ = ends_.size();
    return {};
}

bool TokenRevocations::refuses(const DeviceId& device, WallTime token_end) const {
    if (count_.load(std::memory_order_relaxed) == 0) return false;
    const auto up_to = find(device);
    return up_to && token_end <= *up_to;
}

std::optional<WallTime> TokenRevocations::find(const DeviceId& device) const {
    const std::lock_guard lock(mutex_);
    const auto found = ends_.find(device.str());
    return found == ends_.end() ? std::nullopt : std::optional(found->second);
}

Result<> TokenRevocations::stage(const DeviceId& device, WallTime up_to, WallTime now, Batch& batch) const {
    const std::lock_guard lock(mutex_);
    std::size_t kept = 0;
    bool is_new = true;
    for (const auto& [id, end] : ends_) {
        if (id == device.str()) is_new = false;
        if (id == device.str() || !is_over(end, now)) ++kept;
    }
    if (is_new && kept >= count_max) {
        return fail(Errc::throttling_exception,
                    fmt::format("Tokens of {} devices are revoked already, the most there may be.", kept));
    }
    for (const auto& [id, end] : ends_) {
        if (id != device.str() && is_over(end, now)) batch.erase(Table::meta, key_of(id));
    }
    batch.put(Table::meta, key_of(device.str()), std::to_string(up_to.unix_s()));
    return {};
}

void TokenRevocations::stage_removal(const DeviceId& device, Batch& batch) const {
    batch.erase(Table::meta, key_of(device.str()));
}

void TokenRevocations::set(const DeviceId& device, WallTime up_to, WallTime now) {
    const std::lock_guard lock(mutex_);
    std::erase_if(ends_, [now](const auto& one) { return is_over(one.second, now); });
    ends_.insert_or_assign(std::string(device.str()), up_to);
    count_ = ends_.size();
}

void TokenRevocations::remove(const DeviceId& device) {
    const std::lock_guard lock(mutex_);
    const auto found = ends_.find(device.str());
    if (found != ends_.end()) ends_.erase(found);
    count_ = ends_.size();
}

}  // namespace carillon
