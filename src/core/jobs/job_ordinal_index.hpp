#pragma once

#include "model/ordinal.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace carillon {

/// Finds a part's device by ordinal. Grows by pages of 256 ordinals, so it never stops to rehash, and
/// costs at most 4 bytes for each ordinal of the shard.
class OrdinalIndex {
public:
    void insert(Ordinal ordinal, std::uint32_t index) {
        const auto page = ordinal / page_size;
        if (page >= pages_.size()) pages_.resize(page + 1);
        if (!pages_[page]) {
            pages_[page] = std::make_unique<Page>();
            pages_[page]->fill(absent);
        }
        (*pages_[page])[ordinal % page_size] = index;
    }
    std::optional<std::uint32_t> find(Ordinal ordinal) const {
        const auto page = ordinal / page_size;
        if (page >= pages_.size() || !pages_[page]) return std::nullopt;
        const auto index = (*pages_[page])[ordinal % page_size];
        return index == absent ? std::nullopt : std::optional(index);
    }
    void clear() { pages_.clear(); }

private:
    static constexpr std::size_t page_size = 256;
    static constexpr std::uint32_t absent = UINT32_MAX;
    using Page = std::array<std::uint32_t, page_size>;
    std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace carillon
