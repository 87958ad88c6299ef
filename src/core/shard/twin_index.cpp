#include "core/shard/twin_index.hpp"

#include "base/await.hpp"
#include "base/log.hpp"
#include "core/shard/row_prefetch.hpp"

#include <algorithm>
#include <bit>
#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {
namespace {

using query::Column;
using query::ColumnPin;
using query::Path;

/// Rows between looks at the clock; one takes some hundreds of nanoseconds.
constexpr std::size_t rows_a_look = 16;
/// The same for the order, of which one takes less; and the pause between two slices of it while queries run,
/// of which most have no use for it.
constexpr std::size_t order_interval = 256;
constexpr std::chrono::milliseconds order_pause{10};

void put_bit(std::vector<std::uint64_t>& bits, Ordinal ordinal, bool is_set) {
    const std::uint64_t bit = std::uint64_t{1} << (ordinal % Column::word_rows);
    std::uint64_t& word = bits[ordinal / Column::word_rows];
    word = is_set ? word | bit : word & ~bit;
}

}  // namespace

TwinIndex::TwinIndex(const Directory& directory, Clock& clock, Timers& timers,
                     boost::asio::any_io_executor background, const TwinIndexLimits& limits)
    : directory_(directory),
      clock_(clock),
      timers_(timers),
      background_(std::move(background)),
      limits_(limits),
      order_(directory) {}

std::size_t TwinIndex::bytes() const {
    std::size_t bytes = order_.bytes() + (devices_.capacity() + modules_.capacity() + stale_.capacity()) *
                                             sizeof(std::uint64_t);
    for (const Used& used : columns_) bytes += used.column->bytes();
    for (const ColumnPtr& column : building_) bytes += column->bytes();
    return bytes;
}

std::size_t TwinIndex::limit_of(std::size_t bytes_per_row) const {
    return std::max(limits_.bytes_min, directory_.size() * bytes_per_row);
}

// --- use -----------------------------------------------------------------------------------------

std::vector<std::optional<ColumnPin>> TwinIndex::pin(const Paths& paths) {
    std::vector<std::optional<ColumnPin>> pins;
    for (const auto& path : paths) {
        auto same = [&](const Used& used) { return used.column->path()->same_as(*path); };
        const auto found = std::find_if(columns_.begin(), columns_.end(), same);
        auto& pinned = pins.emplace_back();
        if (found == columns_.end()) continue;
        found->last = ++uses_;
        pinned.emplace(found->column);
    }
    return pins;
}

bool TwinIndex::is_known(const Path& path) const {
    auto of_column = [&](const ColumnPtr& column) { return column->path()->same_as(path); };
    return is_making(path) ||
           std::any_of(columns_.begin(), columns_.end(),
                       [&](const Used& u) { return of_column(u.column); }) ||
           std::any_of(refused_.begin(), refused_.end(),
                       [&](const Refused& r) { return r.path->same_as(path); });
}

bool TwinIndex::is_making(const Path& path) const {
    return std::any_of(building_.begin(), building_.end(),
                       [&](const ColumnPtr& c) { return c->path()->same_as(path); }) ||
           std::any_of(wanted_.begin(), wanted_.end(), [&](const auto& w) { return w->same_as(path); });
}

void TwinIndex::want(const Paths& paths) {
    if (directory_.size() < limits_.rows_min) return;
    const TimePoint now = clock_.now();
    std::erase_if(refused_, [now](const Refused& refused) { return refused.until <= now; });
    for (const auto& path : paths) {
        if (wanted_.size() == limits_.columns_max) break;
        if (query::is_columnar(*path) && !is_known(*path)) wanted_.push_back(path);
    }
    if (building_.empty() && !wanted_.empty()) start_build();
}

Task<> TwinIndex::made(const Paths& paths) {
    want(paths);
    auto is_missing = [this](const auto& path) { return is_making(*path); };
    auto wait = [this](UniqueFunction<void(bool)> done) { waiting_.push_back(std::move(done)); };
    while (std::any_of(paths.begin(), paths.end(), is_missing)) co_await from_callback<bool>(wait);
}

Task<> TwinIndex::ordered() {
    auto wait = [this](UniqueFunction<void(bool)> done) { waiting_.push_back(std::move(done)); };
    while (is_ordering_ && !order_.is_ready()) co_await from_callback<bool>(wait);
}

void TwinIndex::wake_waiting() {
    for (auto& done : std::exchange(waiting_, {})) done(true);
}

// --- making columns --------------------------------------------------------------------------------

void TwinIndex::start_build() {
    is_on_ = true;
    build_began_ = clock_.now();
    build_at_ = 0;
    for (auto& path : std::exchange(wanted_, {})) {
        building_.push_back(std::make_shared<Column>(std::move(path)));
        building_.back()->reserve(directory_.next_ordinal());
    }
    post(&TwinIndex::build);
}

void TwinIndex::post(void (TwinIndex::*work)()) {
    boost::asio::post(background_, callbacks_.bind([this, work] { (this->*work)(); }));
}

void TwinIndex::build() {
    const TimePoint until = clock_.now() + slice_max;
    const Ordinal end = directory_.next_ordinal();
    if (end > 0) grow(end - 1);
    query::RowParts parts;
    for (const ColumnPtr& column : building_) parts.add(*column->path());
    const RowPrefetch prefetch(directory_, parts);
    for (std::size_t looked = 1; build_at_ < end; ++looked) {
        prefetch.ahead_of(build_at_);
        read(build_at_++, building_);
        if (looked % rows_a_look == 0 && clock_.now() >= until) break;
    }
    refuse_large();
    if (build_at_ < end && !building_.empty()) return post(&TwinIndex::build);
    publish();
}

void TwinIndex::refuse_large() {
    const std::size_t limit = limit_of(limits_.column_bytes_per_row_max);
    auto is_too_large = [&](const ColumnPtr& column) {
        if (column->bytes() <= limit) return false;
        log.info("column refused path={} values={} bytes={}", column->path()->label, column->size(),
                 column->bytes());
        if (refused_.size() == refused_max) refused_.erase(refused_.begin());
        refused_.push_back(Refused{column->path(), clock_.now() + refused_for});
        return true;
    };
    std::erase_if(building_, is_too_large);
}

void TwinIndex::publish() {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - build_began_);
    for (ColumnPtr& column : std::exchange(building_, {})) {
        log.info("column made path={} values={} bytes={} ms={}", column->path()->label, column->size(),
                 column->bytes(), took.count());
        columns_.push_back(Used{std::move(column), ++uses_});
        is_ready_ = true;
    }
    evict();
    if (!wanted_.empty()) start_build();
    if (is_ready_ && !std::exchange(is_ordering_, true)) post(&TwinIndex::build_order);
    wake_waiting();
}

void TwinIndex::build_order() {
    const TimePoint until = clock_.now() + slice_max;
    while (order_.build(order_interval)) {
        if (clock_.now() < until) continue;
        const bool has_query = std::any_of(columns_.begin(), columns_.end(),
                                           [](const Used& u) { return ColumnPin::is_pinned(*u.column); });
        if (!has_query || !waiting_.empty()) return post(&TwinIndex::build_order);
        timers_.at(clock_.now() + order_pause, callbacks_.bind([this] { post(&TwinIndex::build_order); }));
        return;
    }
    wake_waiting();
}

void TwinIndex::evict() {
    const std::size_t limit = limit_of(limits_.bytes_per_row_max);
    while (columns_.size() > limits_.columns_max || bytes() > limit) {
        auto oldest = columns_.end();
        for (auto used = columns_.begin(); used != columns_.end(); ++used) {
            if (ColumnPin::is_pinned(*used->column)) continue;
            if (oldest == columns_.end() || used->last < oldest->last) oldest = used;
        }
        if (oldest == columns_.end()) return;  // all are in use; the next slice of refreshing looks again
        log.info("column dropped path={} bytes={}", oldest->column->path()->label, oldest->column->bytes());
        columns_.erase(oldest);
    }
}

void TwinIndex::read(Ordinal ordinal, std::span<const ColumnPtr> columns) {
    const Record* record = directory_.find(ordinal);
    const bool exists = record != nullptr && record->exists();
    put_bit(devices_, ordinal, exists && !record->key.is_module());
    put_bit(modules_, ordinal, exists && record->key.is_module());
    if (!exists) {
        order_.remove(ordinal);
        for (const ColumnPtr& column : columns) column->set(ordinal, query::Value{});
        return;
    }
    const LiveState live = record->live();
    const query::Row row(*record->committed, record->key, live);
    for (const ColumnPtr& column : columns) {
        query::Scratch scratch;
        column->set(ordinal, query::read_path(*column->path(), row, scratch));
    }
}

// --- keeping them right ----------------------------------------------------------------------------

void TwinIndex::grow(Ordinal ordinal) {
    const std::size_t words = ordinal / Column::word_rows + 1;
    if (words <= stale_.size()) return;
    devices_.resize(words);
    modules_.resize(words);
    stale_.resize(words);
}

void TwinIndex::mark_stale(Ordinal ordinal) {
    ++touches_;
    grow(ordinal);
    if (!order_.has(ordinal)) {
        // At once, or a walk would miss it.
        const Record* record = directory_.find(ordinal);
        if (record != nullptr && record->exists()) order_.add(*record);
    }
    std::uint64_t& word = stale_[ordinal / Column::word_rows];
    const std::uint64_t bit = std::uint64_t{1} << (ordinal % Column::word_rows);
    if ((word & bit) != 0) return;
    word |= bit;
    ++stale_rows_;
    if (!is_refreshing_) wait(stale_for);
}

void TwinIndex::wait(Duration delay) {
    is_refreshing_ = true;
    timers_.at(clock_.now() + delay, callbacks_.bind([this] { post(&TwinIndex::refresh); }));
}

void TwinIndex::refresh() {
    std::vector<ColumnPtr> columns = building_;
    for (const Used& used : columns_) columns.push_back(used.column);
    const TimePoint until = clock_.now() + slice_max;
    for (std::size_t looked = 1; stale_rows_ > 0; ++looked) {
        while (stale_[refresh_word_ %= stale_.size()] == 0) ++refresh_word_;
        std::uint64_t& word = stale_[refresh_word_];
        const auto bit = static_cast<Ordinal>(std::countr_zero(word));
        read(static_cast<Ordinal>(refresh_word_ * Column::word_rows) + bit, columns);
        word &= word - 1;
        --stale_rows_;
        if (looked % rows_a_look == 0 && clock_.now() >= until) break;
    }
    evict();
    is_refreshing_ = stale_rows_ > 0;
    if (!is_refreshing_) return;
    if (touches_ == touches_seen_) return post(&TwinIndex::refresh);
    touches_seen_ = touches_;
    wait(busy_pause);
}

}  // namespace carillon
