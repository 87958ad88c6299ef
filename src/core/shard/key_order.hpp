#pragma once

#include "core/shard/directory.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace carillon {

/// The ordinals of a shard's identities in key order, in blocks that lie in a row: a page passes over
/// ten thousand rows that do not match in the time in which the directory's tree gives a hundred.
/// Identities that are gone may still be among them. The shard's thread only.
class KeyOrder {
public:
    static constexpr std::size_t block_rows_max = 1024;

    explicit KeyOrder(const Directory& directory) : directory_(directory) {}

    /// Takes the next `count` identities of the directory; true if there are more.
    bool build(std::size_t count);
    /// Whether all identities are here, so that it can be walked.
    bool is_ready() const { return is_ready_; }
    bool has(Ordinal ordinal) const { return ordinal < block_of_.size() && block_of_[ordinal] != none; }
    /// `record` is in the directory; harmless if it is known.
    void add(const Record& record);
    /// Harmless if it is not known.
    void remove(Ordinal ordinal);
    std::size_t bytes() const;

    /// Gives one ordinal after the other, until anything is added or removed.
    class Walk {
    public:
        /// `from` is the first to give; nothing is given if it is null.
        Walk(const KeyOrder& order, const Record* from);
        std::optional<Ordinal> next();

    private:
        const KeyOrder& order_;
        std::size_t place_ = 0;  ///< In `sequence_`.
        std::size_t row_ = 0;    ///< In the block there.
    };

private:
    using BlockId = std::uint32_t;
    using Block = std::vector<Ordinal>;
    static constexpr BlockId none = 0;
    /// Blocks are left with room for identities that come later.
    static constexpr std::size_t block_rows_built = block_rows_max * 3 / 4;

    void append(Ordinal ordinal);
    void insert(BlockId id, std::size_t row, Ordinal ordinal);
    void split(BlockId id);
    BlockId new_block(std::size_t place);
    std::size_t row_of(Ordinal ordinal) const;
    std::size_t place_of(BlockId id) const;

    const Directory& directory_;
    std::vector<Block> blocks_{1};    ///< By id; the first stands for none.
    std::vector<BlockId> free_;       ///< Empty blocks, of no place.
    std::vector<BlockId> sequence_;   ///< The blocks in key order; none is empty.
    std::vector<BlockId> block_of_;   ///< By ordinal.
    std::optional<IdentityKey> end_;  ///< While building: the last key taken.
    bool is_ready_ = false;
};

}  // namespace carillon
