#include "device/desired_feed.hpp"

#include "base/json.hpp"

#include <utility>

namespace carillon::client {

void DesiredFeed::connection_over() {
    held_ = {};
    has_dropped_ = false;
    is_stale_ = true;
}

Result<std::vector<DesiredProperties>> DesiredFeed::twin_read(std::string_view twin_json) {
    is_reading_ = false;
    const auto document = JsonDocument::parse(twin_json);
    if (!document) return fail(Errc::malformed_packet, "the twin is not JSON");
    const JsonValue desired = document->root().find("desired");
    const auto version = desired.find("$version").integer();
    if (!version) return fail(Errc::malformed_packet, "the twin has no desired properties");

    std::vector<DesiredProperties> told;
    is_stale_ = std::exchange(has_dropped_, false);
    // A lower version is one of a device that was made anew.
    if (version_ != *version) told.push_back({*version, std::string(desired.raw()), true});
    version_ = *version;
    for (const auto& [number, patch] : std::exchange(held_, {})) {
        if (number <= *version) continue;
        if (auto one = changed(number, patch)) told.push_back(*std::move(one));
    }
    return told;
}

std::optional<DesiredProperties> DesiredFeed::changed(std::int64_t version, std::string_view patch_json) {
    if (!is_stale_ && version_ && version <= *version_) return std::nullopt;
    if (!is_stale_ && version_ && version == *version_ + 1) {
        version_ = version;
        return DesiredProperties{version, std::string(patch_json), false};
    }
    is_stale_ = true;
    if (held_.size() < held_max) {
        held_.emplace_back(version, patch_json);
    } else {
        has_dropped_ = true;
    }
    return std::nullopt;
}

}  // namespace carillon::client
