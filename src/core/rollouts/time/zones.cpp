#include "core/rollouts/time/zones.hpp"

#include "model/rollouts/windows.hpp"

#include <algorithm>
#include <fstream>

namespace carillon {

std::shared_ptr<const TimeZone> Zones::find(std::string_view name) {
    if (!is_zone_name(name)) return nullptr;
    const std::lock_guard lock(mutex_);
    if (const auto found = zones_.find(name); found != zones_.end()) return found->second;
    std::ifstream file(folder_ + '/' + std::string(name), std::ios::binary);
    std::string text(TimeZone::file_bytes_max + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
    auto parsed = TimeZone::parse(as_bytes(text));
    std::shared_ptr<const TimeZone> zone;
    if (parsed) zone = std::make_shared<const TimeZone>(*std::move(parsed));
    if (zones_.size() >= count_max) zones_.clear();
    zones_.emplace(name, zone);
    return zone;
}

}  // namespace carillon
