#pragma once

#include "base/unique_function.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Who reads which partition under which consumer group, where readers keep each other out: one with an epoch
/// reads alone, and one with a higher epoch takes its place; without epochs a few read side by side. Any
/// thread. Source: Event Hubs docs, "Features and terminology", consumer groups and epochs; azure-sdk-for-js:
/// event-hubs, ownerLevel.
class ReceiverSlots {
    struct Table;

public:
    /// Readers without an epoch. Source: Event Hubs docs, "Quotas and limits".
    static constexpr std::size_t shared_max = 5;

    /// A place in the table, given back at the end of its life.
    class Slot {
    public:
        Slot(Slot&&) noexcept = default;
        Slot& operator=(Slot&&) = delete;
        ~Slot();

    private:
        friend class ReceiverSlots;
        Slot(std::shared_ptr<Table> table, std::uint64_t id) : table_(std::move(table)), id_(id) {}
        std::shared_ptr<Table> table_;
        std::uint64_t id_;
    };

    enum class Refusal : std::uint8_t { lower_epoch, too_many };
    struct Answer {
        std::optional<Slot> slot;
        Refusal refusal = Refusal::lower_epoch;  ///< If there is no slot.
    };

    ReceiverSlots();
    ~ReceiverSlots();
    /// `ousted` is called once, on any thread, when a later one takes the place; not after the slot has gone,
    /// but for a call under way.
    Answer take(std::string_view group, std::uint32_t partition, std::optional<std::int64_t> epoch,
                UniqueFunction<void()> ousted);
    /// Takes all places back: there is nothing left to read.
    void oust_all();

private:
    struct Entry;
    Answer take_locked(const std::string& group, std::uint32_t partition, std::optional<std::int64_t> epoch,
                       UniqueFunction<void()> ousted, std::vector<Entry>& losers);
    std::shared_ptr<Table> table_;
};

}  // namespace carillon
