#include "core/shard/key_order.hpp"

#include <algorithm>

namespace carillon {

bool KeyOrder::build(std::size_t count) {
    const Record* record = end_ ? directory_.upper_bound(*end_) : directory_.first();
    const Record* last = nullptr;
    for (; count > 0 && record != nullptr; --count) {
        if (!has(record->ordinal)) append(record->ordinal);
        last = record;
        record = directory_.next(*record);
    }
    if (record == nullptr) {
        end_.reset();
        is_ready_ = true;
    } else if (last != nullptr) {
        end_ = last->key;
    }
    return !is_ready_;
}

void KeyOrder::add(const Record& record) {
    if (has(record.ordinal)) return;
    // What is still to be built comes then.
    if (!is_ready_ && (!end_ || *end_ < record.key)) return;
    const Record* const first = directory_.first();
    for (auto place = record.place; place != first->place;) {
        const Ordinal before = (*--place)->ordinal;
        if (has(before)) return insert(block_of_[before], row_of(before) + 1, record.ordinal);
    }
    const BlockId id = sequence_.empty() ? new_block(0) : sequence_.front();
    insert(id, 0, record.ordinal);
}

void KeyOrder::append(Ordinal ordinal) {
    const bool has_room = !sequence_.empty() && blocks_[sequence_.back()].size() < block_rows_built;
    const BlockId id = has_room ? sequence_.back() : new_block(sequence_.size());
    insert(id, blocks_[id].size(), ordinal);
}

void KeyOrder::insert(BlockId id, std::size_t row, Ordinal ordinal) {
    if (block_of_.size() <= ordinal)
        block_of_.resize(std::max<std::size_t>(directory_.next_ordinal(), ordinal + 1));
    Block& block = blocks_[id];
    block.insert(block.begin() + static_cast<std::ptrdiff_t>(row), ordinal);
    block_of_[ordinal] = id;
    if (block.size() == block_rows_max) split(id);
}

void KeyOrder::split(BlockId id) {
    const BlockId upper = new_block(place_of(id) + 1);
    Block& block = blocks_[id];
    const auto middle = block.begin() + static_cast<std::ptrdiff_t>(block.size() / 2);
    blocks_[upper].assign(middle, block.end());
    block.erase(middle, block.end());
    for (const Ordinal ordinal : blocks_[upper]) block_of_[ordinal] = upper;
}

KeyOrder::BlockId KeyOrder::new_block(std::size_t place) {
    BlockId id = static_cast<BlockId>(blocks_.size());
    if (free_.empty()) {
        blocks_.emplace_back();
    } else {
        id = free_.back();
        free_.pop_back();
    }
    sequence_.insert(sequence_.begin() + static_cast<std::ptrdiff_t>(place), id);
    return id;
}

void KeyOrder::remove(Ordinal ordinal) {
    if (!has(ordinal)) return;
    const BlockId id = block_of_[ordinal];
    Block& block = blocks_[id];
    block.erase(block.begin() + static_cast<std::ptrdiff_t>(row_of(ordinal)));
    block_of_[ordinal] = none;
    if (!block.empty()) return;
    sequence_.erase(sequence_.begin() + static_cast<std::ptrdiff_t>(place_of(id)));
    free_.push_back(id);
}

std::size_t KeyOrder::row_of(Ordinal ordinal) const {
    const Block& block = blocks_[block_of_[ordinal]];
    return static_cast<std::size_t>(std::find(block.begin(), block.end(), ordinal) - block.begin());
}

std::size_t KeyOrder::place_of(BlockId id) const {
    return static_cast<std::size_t>(std::find(sequence_.begin(), sequence_.end(), id) - sequence_.begin());
}

std::size_t KeyOrder::bytes() const {
    std::size_t rows = 0;
    for (const Block& block : blocks_) rows += block.capacity();
    return rows * sizeof(Ordinal) + block_of_.capacity() * sizeof(BlockId);
}

KeyOrder::Walk::Walk(const KeyOrder& order, const Record* from) : order_(order) {
    // A creation that is on its way to disk is not known yet.
    while (from != nullptr && !order.has(from->ordinal)) from = order.directory_.next(*from);
    if (from == nullptr) {
        place_ = order.sequence_.size();
        return;
    }
    place_ = order.place_of(order.block_of_[from->ordinal]);
    row_ = order.row_of(from->ordinal);
}

std::optional<Ordinal> KeyOrder::Walk::next() {
    if (place_ == order_.sequence_.size()) return std::nullopt;
    const Block& block = order_.blocks_[order_.sequence_[place_]];
    const Ordinal found = block[row_];
    if (++row_ == block.size()) {
        row_ = 0;
        ++place_;
    }
    return found;
}

}  // namespace carillon
