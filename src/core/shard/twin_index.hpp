#pragma once

#include "base/callback_scope.hpp"
#include "base/clock.hpp"
#include "base/task.hpp"
#include "base/timers.hpp"
#include "base/unique_function.hpp"
#include "core/shard/directory.hpp"
#include "core/shard/key_order.hpp"
#include "core/shard/twin_index_limits.hpp"
#include "query/column.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace carillon {

/// The columns of one shard: the paths that queries really use, each made in the background after
/// the first query that wanted it. A write only marks its row as stale; who reads columns asks the
/// evaluator about stale rows, until the background has read them again. Nothing is stored.
/// The shard's thread only. Reasons: docs/query-index.md.
class TwinIndex {
public:
    /// Background work gives way after this long.
    static constexpr std::chrono::microseconds slice_max{250};
    /// From a write until stale rows are read again, and between two slices of that while writes go on.
    static constexpr std::chrono::milliseconds stale_for{50};
    static constexpr std::chrono::milliseconds busy_pause{10};
    /// A path that took too much memory is not tried again for so long; so many are remembered.
    static constexpr std::chrono::minutes refused_for{60};
    static constexpr std::size_t refused_max = 64;

    using Paths = std::vector<std::shared_ptr<const query::Path>>;

    /// `background` runs on the shard's thread. All of it outlives the index.
    TwinIndex(const Directory& directory, Clock& clock, Timers& timers,
              boost::asio::any_io_executor background, const TwinIndexLimits& limits);
    TwinIndex(const TwinIndex&) = delete;
    TwinIndex& operator=(const TwinIndex&) = delete;

    /// The committed document of `ordinal`, or whether it is connected, changed or came or went.
    void touch(Ordinal ordinal) {
        if (is_on_) mark_stale(ordinal);
    }

    /// Asks for columns; they come some time later, if they can. Paths without a column that can be
    /// had, and shards too small to gain, are passed over.
    void want(const Paths& paths);
    /// The same, and waits until they have come or were refused.
    Task<> made(const Paths& paths);
    /// Waits until the order is there, if it is being made.
    Task<> ordered();
    /// The columns of `paths`, kept and unchanged in meaning while pinned; none where there is none.
    std::vector<std::optional<query::ColumnPin>> pin(const Paths& paths);
    /// Whether `rows` can be asked: some column was once made.
    bool is_ready() const { return is_ready_; }
    /// All identities in key order; comes behind the first columns.
    const KeyOrder& order() const { return order_; }
    /// Words of 64 rows, by ordinal.
    std::size_t words() const { return stale_.size(); }
    /// The devices, or modules, among the rows of a word; right for rows that are not stale.
    std::uint64_t rows(query::Collection collection, std::size_t word) const {
        return (collection == query::Collection::modules ? modules_ : devices_)[word];
    }
    /// Rows of a word for which neither columns nor `rows` need be right.
    std::uint64_t stale(std::size_t word) const { return stale_[word]; }

    const TwinIndexLimits& limits() const { return limits_; }
    std::size_t columns() const { return columns_.size(); }
    std::size_t bytes() const;
    bool is_building() const { return !building_.empty(); }
    std::size_t stale_rows() const { return stale_rows_; }

private:
    using ColumnPtr = std::shared_ptr<query::Column>;
    struct Used {
        ColumnPtr column;
        std::uint64_t last = 0;  ///< Uses of any column when this was last used.
    };
    struct Refused {
        std::shared_ptr<const query::Path> path;
        TimePoint until;
    };

    void grow(Ordinal ordinal);
    void mark_stale(Ordinal ordinal);
    bool is_known(const query::Path& path) const;
    bool is_making(const query::Path& path) const;
    void start_build();
    void post(void (TwinIndex::*work)());
    void wait(Duration delay);
    void build();
    void build_order();
    void publish();
    void wake_waiting();
    void refuse_large();
    void evict();
    void refresh();
    void read(Ordinal ordinal, std::span<const ColumnPtr> columns);
    std::size_t limit_of(std::size_t bytes_per_row) const;

    const Directory& directory_;
    Clock& clock_;
    Timers& timers_;
    boost::asio::any_io_executor background_;
    const TwinIndexLimits limits_;

    bool is_on_ = false;  ///< Columns exist or are being made, so changes matter.
    bool is_ready_ = false;
    std::vector<std::uint64_t> devices_;
    std::vector<std::uint64_t> modules_;
    std::vector<std::uint64_t> stale_;
    KeyOrder order_;
    bool is_ordering_ = false;  ///< The order is being built, or is there.
    std::vector<Used> columns_;
    std::uint64_t uses_ = 0;
    std::vector<Refused> refused_;

    Paths wanted_;  ///< For the next build.
    std::vector<ColumnPtr> building_;
    Ordinal build_at_ = 0;
    /// Who waits for columns or the order. Bound: the requests under way.
    std::vector<UniqueFunction<void(bool)>> waiting_;
    TimePoint build_began_{};

    std::size_t stale_rows_ = 0;
    std::size_t refresh_word_ = 0;  ///< Where refreshing goes on.
    std::uint64_t touches_ = 0;
    std::uint64_t touches_seen_ = 0;  ///< When refreshing last looked.
    bool is_refreshing_ = false;      ///< A timer or a slice of it is on its way.
    CallbackScope callbacks_;
};

}  // namespace carillon
