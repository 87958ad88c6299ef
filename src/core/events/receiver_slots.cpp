#include "core/events/receiver_slots.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

struct ReceiverSlots::Entry {
    std::uint64_t id = 0;
    std::string group;  ///< In lower case.
    std::uint32_t partition = 0;
    std::optional<std::int64_t> epoch;
    UniqueFunction<void()> ousted;
};

struct ReceiverSlots::Table {
    std::mutex mutex;  ///< Guards all below; nothing of others is called or let go of under it.
    std::vector<Entry> entries;
    std::uint64_t last_id = 0;
};

ReceiverSlots::ReceiverSlots() : table_(std::make_shared<Table>()) {}
ReceiverSlots::~ReceiverSlots() = default;

ReceiverSlots::Slot::~Slot() {
    if (!table_) return;
    Entry gone;
    const std::lock_guard lock(table_->mutex);
    auto& entries = table_->entries;
    const auto found =
        std::find_if(entries.begin(), entries.end(), [this](const Entry& entry) { return entry.id == id_; });
    if (found == entries.end()) return;
    gone = std::move(*found);
    entries.erase(found);
}

ReceiverSlots::Answer ReceiverSlots::take(std::string_view group, std::uint32_t partition,
                                          std::optional<std::int64_t> epoch, UniqueFunction<void()> ousted) {
    const std::string name = to_lower(group);
    std::vector<Entry> losers;
    Answer answer = [&] {
        const std::lock_guard lock(table_->mutex);
        return take_locked(name, partition, epoch, std::move(ousted), losers);
    }();
    for (auto& loser : losers) loser.ousted();
    return answer;
}

void ReceiverSlots::oust_all() {
    std::vector<Entry> losers;
    {
        const std::lock_guard lock(table_->mutex);
        losers.swap(table_->entries);
    }
    for (auto& loser : losers) loser.ousted();
}

ReceiverSlots::Answer ReceiverSlots::take_locked(const std::string& group, std::uint32_t partition,
                                                 std::optional<std::int64_t> epoch,
                                                 UniqueFunction<void()> ousted, std::vector<Entry>& losers) {
    auto& entries = table_->entries;
    const auto is_here = [&](const Entry& entry) {
        return entry.partition == partition && entry.group == group;
    };
    const auto is_higher = [&](const Entry& entry) {
        return is_here(entry) && entry.epoch && (!epoch || *entry.epoch > *epoch);
    };
    Answer answer;
    if (std::any_of(entries.begin(), entries.end(), is_higher)) return answer;
    const auto count = static_cast<std::size_t>(std::count_if(entries.begin(), entries.end(), is_here));
    if (!epoch && count >= shared_max) {
        answer.refusal = Refusal::too_many;
        return answer;
    }
    if (epoch) {
        for (auto& entry : entries) {
            if (is_here(entry)) losers.push_back(std::move(entry));
        }
        std::erase_if(entries, [](const Entry& entry) { return !entry.ousted; });
    }
    Entry& made = entries.emplace_back();
    made.id = ++table_->last_id;
    made.group = group;
    made.partition = partition;
    made.epoch = epoch;
    made.ousted = std::move(ousted);
    answer.slot.emplace(Slot(table_, made.id));
    return answer;
}

}  // namespace carillon
