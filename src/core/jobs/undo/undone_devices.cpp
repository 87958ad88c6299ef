#include "core/jobs/undo/undone_devices.hpp"

#include <algorithm>
#include <iterator>

namespace carillon {

void UndoneDevices::take(ReversalsEvent event, std::uint64_t sequence) {
    const auto first = static_cast<std::uint32_t>(of_.size());
    std::vector<std::uint32_t> numbers;
    bool is_any_far = false;
    for (auto& reversal : event.reversals) {
        const auto bytes = static_cast<std::uint32_t>(std::min<std::size_t>(bytes_of(reversal), far_mark - 1));
        auto number = table_.add(std::move(reversal));
        if (number == 0) {
            number = far_mark | bytes;
            is_any_far = true;
        }
        numbers.push_back(number);
    }
    if (is_any_far) events_.emplace_back(first, sequence);
    for (const auto number : event.devices) of_.push_back(number == 0 ? 0 : numbers[number - 1]);
}

ReversalPlace UndoneDevices::place_of(std::uint32_t index) const {
    const auto after = std::partition_point(events_.begin(), events_.end(),
                                            [index](const auto& event) { return event.first <= index; });
    const auto& event = *std::prev(after);
    return {event.second, index - event.first};
}

std::vector<std::pair<std::uint32_t, ReversalPlace>> UndoneDevices::to_fetch(
    const std::vector<std::uint32_t>& next) const {
    std::vector<std::pair<std::uint32_t, ReversalPlace>> wanted;
    auto bytes = fetched_bytes_;
    for (const auto index : next) {
        if (fetched_.size() + wanted.size() == fetched_devices_max) break;
        if (is_there(index)) continue;
        bytes += of_[index] & ~far_mark;
        // One alone has room whatever it takes.
        const bool is_first = fetched_.empty() && wanted.empty();
        if (bytes > fetched_bytes_max_ && !is_first) break;
        wanted.emplace_back(index, place_of(index));
    }
    return wanted;
}

void UndoneDevices::put(std::uint32_t index, Reversal reversal) {
    const auto bytes = bytes_of(reversal);
    if (fetched_.emplace(index, std::move(reversal)).second) fetched_bytes_ += bytes;
}

Reversal UndoneDevices::take_fetched(std::uint32_t index) {
    const auto found = fetched_.find(index);
    auto reversal = std::move(found->second);
    fetched_.erase(found);
    fetched_bytes_ -= bytes_of(reversal);
    return reversal;
}

void UndoneDevices::clear_fetched() {
    fetched_.clear();
    fetched_bytes_ = 0;
}

}  // namespace carillon
