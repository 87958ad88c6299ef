#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace carillon {

/// What the shards did for a statement. Each adds to it once it is done, so any thread may; read it when all
/// are.
class ScanCost {
public:
    /// How rows were found. Of several the later counts, as it is the dearer one.
    enum class Way : unsigned {
        ids = 1,  ///< The condition names ids, or how they begin.
        columns,  ///< By columns of the paths asked for; only twins of rows that may match are read.
        rows,     ///< One after the other.
    };

    /// `examined`: rows on which the condition was evaluated.
    void add(std::uint64_t examined, Way way) {
        examined_.fetch_add(examined, std::memory_order_relaxed);
        auto known = way_.load(std::memory_order_relaxed);
        while (known < way && !way_.compare_exchange_weak(known, way, std::memory_order_relaxed)) {
        }
    }

    std::uint64_t examined() const { return examined_.load(std::memory_order_relaxed); }
    Way way() const { return way_.load(std::memory_order_relaxed); }
    std::string_view way_text() const {
        switch (way()) {
            case Way::ids:
                return "ids";
            case Way::columns:
                return "columns";
            case Way::rows:
                break;
        }
        return "rows";
    }

private:
    std::atomic<std::uint64_t> examined_{0};
    std::atomic<Way> way_{Way::ids};
};

}  // namespace carillon
