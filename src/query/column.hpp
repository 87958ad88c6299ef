#pragma once

#include "base/shared_bytes.hpp"
#include "query/value.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace carillon::query {

/// A value's number in a column; 0 is undefined, and a row that is not there.
using ValueId = std::uint32_t;

/// The values that one path has on the rows of a shard, as numbers of a dictionary: one to four
/// bytes a row, and each distinct value once. Arrays and objects are one value each, without text.
/// One thread. Format and reasons: docs/query-index.md.
class Column {
public:
    /// Rows are read in words of 64, so that 64 answers are one integer.
    static constexpr std::size_t word_rows = 64;

    explicit Column(std::shared_ptr<const Path> path);
    Column(const Column&) = delete;
    Column& operator=(const Column&) = delete;

    const std::shared_ptr<const Path>& path() const { return path_; }
    /// Makes room for rows [0, `rows`), so that growing wastes nothing.
    void reserve(std::size_t rows);
    void set(std::uint32_t row, const Value& value);

    ValueId at(std::uint32_t row) const;
    /// For each of the 64 rows of word `index` a bit, that of the first row lowest: whether `table`,
    /// which has an entry of 0 or 1 for each id below `ids_end`, holds 1 for the row's value.
    std::uint64_t word(std::size_t index, std::span<const std::uint8_t> table) const;

    /// Ids are below this; some of them may stand for nothing at the moment.
    ValueId ids_end() const { return static_cast<ValueId>(entries_.size()); }
    /// Undefined for an id that stands for nothing. Views the column.
    Value value(ValueId id) const;
    /// The id of exactly this value, or 0. Numbers are told apart by their bits, so 0 and -0 are two.
    ValueId find(const Value& value) const;
    /// Whether the value is an array or object, which says nothing about what is in it.
    bool is_opaque(ValueId id) const;
    /// Distinct values that some row has.
    std::size_t size() const { return used_; }
    /// Memory in bytes, what the allocator adds included roughly.
    std::size_t bytes() const;

private:
    friend class ColumnPin;

    struct Entry {
        std::uint64_t bits = 0;                     ///< A boolean, a number's bits, an instant's ticks.
        SharedBytes text;                           ///< A string's.
        std::uint32_t uses = 0;                     ///< Rows that have it.
        Value::Kind kind = Value::Kind::undefined;  ///< Undefined: the id stands for nothing.
        bool is_instant = false;
    };
    /// A value as entries hold it.
    struct Key {
        explicit Key(const Value& value);
        std::size_t hash() const;
        bool is(const Entry& entry) const;

        Value::Kind kind;
        bool is_instant = false;
        std::uint64_t bits = 0;
        std::string_view text;
    };

    static std::size_t hash_of(const Entry& entry);
    ValueId find(const Key& key) const;
    ValueId intern(const Key& key);
    void release(ValueId id);
    void forget(ValueId id);
    void forget_unused();
    void put_slot(ValueId id);
    void grow_slots();
    void store(std::uint32_t row, ValueId id);
    template <class To>
    void widen();

    std::shared_ptr<const Path> path_;
    std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>, std::vector<std::uint32_t>> rows_;
    std::vector<Entry> entries_;   ///< By id; the first is undefined.
    std::vector<ValueId> slots_;   ///< Open addressing, linear; 0 is free.
    std::vector<ValueId> free_;    ///< Ids to give again.
    std::vector<ValueId> unused_;  ///< Ids without rows that a pin keeps.
    std::size_t used_ = 0;
    std::size_t text_bytes_ = 0;
    int pins_ = 0;
};

/// Keeps a column, and the meaning of its ids, while a query works with them: new ids only come to
/// the end. The column's thread only.
class ColumnPin {
public:
    explicit ColumnPin(std::shared_ptr<Column> column) : column_(std::move(column)) { ++column_->pins_; }
    ~ColumnPin() {
        if (column_ && --column_->pins_ == 0) column_->forget_unused();
    }
    ColumnPin(ColumnPin&& other) noexcept : column_(std::exchange(other.column_, nullptr)) {}
    ColumnPin(const ColumnPin&) = delete;
    ColumnPin& operator=(const ColumnPin&) = delete;
    ColumnPin& operator=(ColumnPin&&) = delete;

    const Column& operator*() const { return *column_; }
    const Column* operator->() const { return column_.get(); }
    static bool is_pinned(const Column& column) { return column.pins_ > 0; }

private:
    std::shared_ptr<Column> column_;
};

/// True if a column can hold the path's values: what is in the committed document, or whether the
/// device is connected; but neither ids and etags, which differ in every row, nor what changes with
/// every message.
bool is_columnar(const Path& path);

}  // namespace carillon::query
