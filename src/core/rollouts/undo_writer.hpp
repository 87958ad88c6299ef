#pragma once

#include "core/rollouts/reversal_table.hpp"
#include "model/twin.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace carillon {

/// Says what an undo writes to each of its devices. Devices of which the same is known, and that stand alike,
/// get one and the same patch.
class UndoWriter {
public:
    /// Ours: of what was compiled, so much is kept for the next devices.
    static constexpr std::size_t kept_max = 256;

    struct Write {
        std::shared_ptr<const TwinPatch> patch;                ///< Null: there is nothing to take back.
        std::shared_ptr<const OverwrittenReader> overwritten;  ///< Of it.
        std::string text;                                      ///< The patch, as `Reversal::wrote`.
    };
    /// Fails with `precondition_failed` where a value is not the undone job's any more, see `TwinReversal`.
    Result<Write> write(const ReversalTable& table, std::uint32_t number, const Twin& twin);
    /// The same of one that is in no table.
    Result<Write> write(const Reversal& reversal, const Twin& twin);

private:
    Result<Write> write_of(const TwinReversal& reversal, const Twin& twin);
    Result<TwinReversal> parse(const Reversal& reversal);

    std::unordered_map<std::uint32_t, TwinReversal> reversals_;  ///< Bound: kept_max
    std::unordered_map<std::string, Write> writes_;              ///< By text.  Bound: kept_max
    std::optional<TwinReversal> last_;                           ///< What was parsed last,
    std::string last_wrote_;                                     ///< and of which write.
};

}  // namespace carillon
