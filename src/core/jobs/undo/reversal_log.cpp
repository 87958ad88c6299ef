#include "core/jobs/undo/reversal_log.hpp"

#include "core/rollouts/reversal_table.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace carillon {
namespace {

/// The number, from 1, of the event's reversal for a place; 0 if there is none.
std::uint32_t number_at(const WrittenEvent& event, std::uint32_t index) {
    const auto found =
        std::lower_bound(event.devices.begin(), event.devices.end(), index,
                         [](const auto& device, std::uint32_t wanted) { return device.index < wanted; });
    return found == event.devices.end() || found->index != index ? 0 : found->reversal;
}
std::uint32_t number_at(const ReversalsEvent& event, std::uint32_t index) {
    return index < event.devices.size() ? event.devices[index] : 0;
}

}  // namespace

std::size_t bytes_of(const Reversal& reversal) {
    return reversal.wrote.size() + reversal.before.size() + ReversalTable::overhead_bytes;
}

Result<> read_reversals(const Store& store, const ReversalLog& from, const std::vector<ReversalPlace>& places,
                        const std::function<void(std::size_t place, Reversal reversal)>& take) {
    std::vector<std::uint32_t> order(places.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&places](std::uint32_t a, std::uint32_t b) {
        return places[a].sequence < places[b].sequence;
    });
    const auto take_from = [&](const auto& event, std::uint32_t place) {
        const auto number = number_at(event, places[place].index);
        if (number == 0) return;
        auto reversal = event.reversals[number - 1];
        if (reversal.wrote.empty()) reversal.wrote = from.wrote;
        take(place, std::move(reversal));
    };
    for (auto at = order.begin(); at != order.end();) {
        const auto sequence = places[*at].sequence;
        const auto end = std::find_if(
            at, order.end(), [&](std::uint32_t place) { return places[place].sequence != sequence; });
        const auto stored = store.get(Table::job_events, job_event_key(from.job, from.shard, sequence));
        if (!stored) return fail(stored.error());
        if (*stored) {
            const auto event = decode_job_event(as_bytes(**stored));
            if (!event) return fail(event.error());
            const auto* written = std::get_if<WrittenEvent>(&*event);
            const auto* kept = std::get_if<ReversalsEvent>(&*event);
            for (; at != end; ++at) {
                if (written != nullptr) take_from(*written, *at);
                if (kept != nullptr) take_from(*kept, *at);
            }
        }
        at = end;
    }
    return {};
}

void ReversalsWriter::add(std::uint32_t number, const Reversal& reversal) {
    const auto [found, is_new] =
        numbers_.emplace(number, static_cast<std::uint32_t>(event_.reversals.size() + 1));
    if (is_new) {
        event_.reversals.push_back(reversal);
        bytes_ += reversal.wrote.size() + reversal.before.size();
    }
    event_.devices.push_back(found->second);
}

ReversalsEvent ReversalsWriter::take(WallTime time) {
    numbers_.clear();
    bytes_ = 0;
    event_.time = time;
    return std::exchange(event_, {});
}

}  // namespace carillon
