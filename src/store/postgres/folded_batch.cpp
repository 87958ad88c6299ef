#include "store/postgres/folded_batch.hpp"

#include <map>
#include <optional>

namespace carillon {

std::array<FoldedTable, table_count> fold(const Batch& batch) {
    using Value = std::optional<std::string_view>;  // Nothing where the key is erased.
    std::array<std::map<std::string_view, Value>, table_count> last;
    std::array<FoldedTable, table_count> folded;
    for (const Batch::Op& op : batch.ops()) {
        const auto table = static_cast<std::size_t>(op.table);
        auto& keys = last[table];
        switch (op.kind) {
            case Batch::Op::Kind::put:
                keys.insert_or_assign(op.key, op.value);
                break;
            case Batch::Op::Kind::erase:
                keys.insert_or_assign(op.key, std::nullopt);
                break;
            case Batch::Op::Kind::erase_range:
                // Ranges go first, so what was written into one before it counts no more, and what is
                // written into it later stays.
                if (op.key >= op.value) break;
                keys.erase(keys.lower_bound(op.key), keys.lower_bound(op.value));
                folded[table].ranges.emplace_back(op.key, op.value);
                break;
        }
    }
    for (std::size_t table = 0; table < table_count; ++table) {
        for (const auto& [key, value] : last[table]) {
            if (value) {
                folded[table].put.emplace_back(key, *value);
            } else {
                folded[table].erased.push_back(key);
            }
        }
    }
    return folded;
}

}  // namespace carillon
