#include "query/column.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

namespace carillon::query {
namespace {

constexpr std::size_t slots_min = 16;
/// What a block of text takes beside its bytes: its header, and half a step of the allocator's sizes.
constexpr std::size_t column_text_overhead = 8 + 8;

std::size_t mix(std::uint64_t value) {
    value ^= value >> 32;
    value *= 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>(value ^ (value >> 29));
}

std::size_t hash_parts(Value::Kind kind, std::uint64_t bits, std::string_view text) {
    const std::uint64_t of_text = text.empty() ? 0 : std::hash<std::string_view>{}(text);
    return mix(bits ^ of_text ^ (std::uint64_t{static_cast<std::uint8_t>(kind)} << 56));
}

}  // namespace

Column::Key::Key(const Value& value) : kind(value.kind) {
    switch (value.kind) {
        case Value::Kind::boolean:
            bits = value.boolean ? 1 : 0;
            break;
        case Value::Kind::number:
            bits = std::bit_cast<std::uint64_t>(value.number);
            break;
        case Value::Kind::string:
            is_instant = value.time == Value::Time::system;
            if (is_instant) {
                bits = static_cast<std::uint64_t>(value.instant.ticks);
            } else {
                text = value.text;
            }
            break;
        default:
            break;
    }
}

std::size_t Column::Key::hash() const {
    return hash_parts(kind, bits, text);
}

bool Column::Key::is(const Entry& entry) const {
    return entry.kind == kind && entry.bits == bits && entry.is_instant == is_instant &&
           as_text(entry.text.bytes()) == text;
}

std::size_t Column::hash_of(const Entry& entry) {
    return hash_parts(entry.kind, entry.bits, as_text(entry.text.bytes()));
}

Column::Column(std::shared_ptr<const Path> path) : path_(std::move(path)), entries_(1), slots_(slots_min) {}

void Column::reserve(std::size_t rows) {
    std::visit([rows](auto& ids) { ids.reserve((rows + word_rows - 1) / word_rows * word_rows); }, rows_);
}

ValueId Column::at(std::uint32_t row) const {
    return std::visit([row](const auto& ids) { return row < ids.size() ? ValueId{ids[row]} : ValueId{0}; },
                      rows_);
}

std::uint64_t Column::word(std::size_t index, std::span<const std::uint8_t> table) const {
    auto look_up = [&](const auto& ids) {
        if ((index + 1) * word_rows > ids.size()) return table[0] != 0 ? ~std::uint64_t{0} : 0;
        const auto* const at = ids.data() + index * word_rows;
        const std::uint8_t* const holds = table.data();
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < word_rows; ++i) bits |= std::uint64_t{holds[at[i]]} << i;
        return bits;
    };
    return std::visit(look_up, rows_);
}

template <class To>
void Column::widen() {
    std::vector<To> wider;
    std::visit(
        [&wider](const auto& ids) {
            wider.reserve(ids.capacity());
            for (const auto id : ids) wider.push_back(static_cast<To>(id));
        },
        rows_);
    rows_ = std::move(wider);
}

void Column::store(std::uint32_t row, ValueId id) {
    if (id > std::numeric_limits<std::uint8_t>::max() && rows_.index() == 0) widen<std::uint16_t>();
    if (id > std::numeric_limits<std::uint16_t>::max() && rows_.index() == 1) widen<std::uint32_t>();
    auto put = [row, id](auto& ids) {
        using Id = typename std::decay_t<decltype(ids)>::value_type;
        if (row >= ids.size()) ids.resize((row / word_rows + 1) * word_rows);
        ids[row] = static_cast<Id>(id);
    };
    std::visit(put, rows_);
}

void Column::set(std::uint32_t row, const Value& value) {
    const ValueId old = at(row);
    const Key key(value);
    if (value.is_defined() ? old != 0 && key.is(entries_[old]) : old == 0) return;
    const ValueId id = value.is_defined() ? intern(key) : 0;
    store(row, id);
    if (id != 0 && entries_[id].uses++ == 0) ++used_;
    if (old != 0) release(old);
}

Value Column::value(ValueId id) const {
    const Entry& entry = entries_[id];
    switch (entry.kind) {
        case Value::Kind::boolean:
            return Value::of(entry.bits != 0);
        case Value::Kind::number:
            return Value::of(std::bit_cast<double>(entry.bits));
        case Value::Kind::string:
            if (entry.is_instant) return Value::of(WallTime{static_cast<std::int64_t>(entry.bits)});
            return Value::of(as_text(entry.text.bytes()));
        default:
            return Value{.kind = entry.kind};
    }
}

bool Column::is_opaque(ValueId id) const {
    return entries_[id].kind == Value::Kind::array || entries_[id].kind == Value::Kind::object;
}

ValueId Column::find(const Value& value) const {
    return value.is_defined() ? find(Key(value)) : 0;
}

ValueId Column::find(const Key& key) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = key.hash() & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
        if (key.is(entries_[slots_[slot]])) return slots_[slot];
    }
    return 0;
}

ValueId Column::intern(const Key& key) {
    if (const ValueId known = find(key); known != 0) return known;
    ValueId id = 0;
    if (pins_ == 0 && !free_.empty()) {
        id = free_.back();
        free_.pop_back();
    } else {
        id = ids_end();
        entries_.emplace_back();
    }
    Entry& entry = entries_[id];
    entry.bits = key.bits;
    entry.kind = key.kind;
    entry.is_instant = key.is_instant;
    if (!key.text.empty()) {
        entry.text = SharedBytes(as_bytes(key.text));
        text_bytes_ += key.text.size() + column_text_overhead;
    }
    if ((entries_.size() - free_.size()) * 3 > slots_.size() * 2) {
        grow_slots();
    } else {
        put_slot(id);
    }
    return id;
}

void Column::put_slot(ValueId id) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash_of(entries_[id]) & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = id;
}

void Column::grow_slots() {
    slots_.assign(slots_.size() * 2, 0);
    for (ValueId id = 1; id < ids_end(); ++id) {
        if (entries_[id].kind != Value::Kind::undefined) put_slot(id);
    }
}

void Column::release(ValueId id) {
    if (--entries_[id].uses > 0) return;
    --used_;
    if (pins_ > 0) {
        unused_.push_back(id);
    } else {
        forget(id);
    }
}

void Column::forget_unused() {
    for (const ValueId id : unused_) {
        // Some were given to rows again, or stand here twice.
        const Entry& entry = entries_[id];
        if (entry.uses == 0 && entry.kind != Value::Kind::undefined) forget(id);
    }
    unused_.clear();
}

void Column::forget(ValueId id) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t hole = hash_of(entries_[id]) & mask;
    while (slots_[hole] != id) hole = (hole + 1) & mask;
    // What stands behind the hole moves into it, unless its own place is behind the hole as well.
    for (std::size_t slot = (hole + 1) & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
        const std::size_t home = hash_of(entries_[slots_[slot]]) & mask;
        if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
        slots_[hole] = slots_[slot];
        hole = slot;
    }
    slots_[hole] = 0;
    Entry& entry = entries_[id];
    if (entry.text) text_bytes_ -= entry.text.bytes().size() + column_text_overhead;
    entry = {};
    free_.push_back(id);
}

std::size_t Column::bytes() const {
    auto bytes_of = [](const auto& ids) {
        return ids.capacity() * sizeof(typename std::decay_t<decltype(ids)>::value_type);
    };
    return std::visit(bytes_of, rows_) + entries_.capacity() * sizeof(Entry) +
           (slots_.capacity() + free_.capacity() + unused_.capacity()) * sizeof(ValueId) + text_bytes_;
}

bool is_columnar(const Path& path) {
    switch (path.field) {
        case Field::status:
        case Field::status_reason:
        case Field::status_update_time:
        case Field::connection_state:
        case Field::version:
        case Field::authentication_type:
        case Field::device_scope:
        case Field::parent_scopes:
        case Field::x509_primary:
        case Field::x509_secondary:
        case Field::iot_edge:
        case Field::tags:
        case Field::desired:
        case Field::reported:
        case Field::desired_version:
        case Field::reported_version:
        case Field::desired_metadata:
        case Field::reported_metadata:
            return true;
        default:
            return false;
    }
}

}  // namespace carillon::query
