#include "core/events/events.hpp"

#include "base/text.hpp"
#include "core/events/routing/message_routing.hpp"

#include <utility>

namespace carillon {

Events::Events(Shards& shards)
    : shards_(shards),
      own_(shards, reading_, EventLog::built_in),
      routing_(std::make_unique<MessageRouting>(shards, *this)) {}

Events::~Events() = default;

Result<> Events::load() {
    auto loaded = own_.load();
    return loaded ? routing_->load() : std::move(loaded);
}

std::shared_ptr<EventLog> Events::find_log(std::string_view endpoint) const {
    const std::lock_guard lock(mutex_);
    const auto found = logs_.find(to_lower(endpoint));
    return found != logs_.end() ? found->second : nullptr;
}

Result<> Events::open_log(std::string_view endpoint, std::uint32_t number, const TelemetryLimits& limits,
                          Telemetry::LogOrigin origin) {
    const std::uint32_t first = EventLog::stored_number(number, 0);
    auto opened = shards_.first().telemetry().open_log(first, first + partition_count(), limits, origin);
    if (!opened) return opened;
    if (find_log(endpoint)) return {};
    auto made = std::make_shared<EventLog>(shards_, reading_, number);
    if (origin == Telemetry::LogOrigin::stored) {
        if (auto loaded = made->load(); !loaded) return loaded;
    }
    const std::lock_guard lock(mutex_);
    logs_.insert_or_assign(to_lower(endpoint), std::move(made));
    return {};
}

void Events::close_log(std::string_view endpoint) {
    std::shared_ptr<EventLog> closed;
    {
        const std::lock_guard lock(mutex_);
        const auto found = logs_.find(to_lower(endpoint));
        if (found == logs_.end()) return;
        closed = std::move(found->second);
        logs_.erase(found);
    }
    closed->close();
    const auto [first, end] = EventLog::stored_numbers(closed->number());
    shards_.first().telemetry().close_log(first, end);
}

}  // namespace carillon
