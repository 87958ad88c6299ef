#include "core/rollouts/undo_writer.hpp"

#include <utility>

namespace carillon {

Result<UndoWriter::Write> UndoWriter::write(const ReversalTable& table, std::uint32_t number,
                                            const Twin& twin) {
    auto found = reversals_.find(number);
    if (found == reversals_.end()) {
        auto reversal = parse(table.at(number));
        if (!reversal) return fail(std::move(reversal).error());
        if (reversals_.size() >= kept_max) reversals_.clear();
        found = reversals_.emplace(number, *std::move(reversal)).first;
    }
    return write_of(found->second, twin);
}

Result<UndoWriter::Write> UndoWriter::write(const Reversal& reversal, const Twin& twin) {
    auto parsed = parse(reversal);
    if (!parsed) return fail(std::move(parsed).error());
    return write_of(*parsed, twin);
}

/// Most devices were written the same.
Result<TwinReversal> UndoWriter::parse(const Reversal& reversal) {
    if (last_ && last_wrote_ == reversal.wrote) return last_->with(reversal.before);
    auto parsed = TwinReversal::parse(reversal.wrote, reversal.before);
    if (parsed) {
        last_wrote_ = reversal.wrote;
        last_ = *parsed;
    }
    return parsed;
}

Result<UndoWriter::Write> UndoWriter::write_of(const TwinReversal& reversal, const Twin& twin) {
    auto text = reversal.restoring_text(twin);
    if (!text) return fail(std::move(text).error());
    if (text->empty()) return Write{};
    const auto known = writes_.find(*text);
    if (known != writes_.end()) return known->second;
    auto patch = parse_twin_patch_text(*text);
    if (!patch) return fail(std::move(patch).error());
    Write made{std::make_shared<const TwinPatch>(*patch), std::make_shared<const OverwrittenReader>(*patch),
               *text};
    if (writes_.size() >= kept_max) writes_.clear();
    return writes_.emplace(*std::move(text), std::move(made)).first->second;
}

}  // namespace carillon
