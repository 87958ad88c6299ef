#include "core/scan/query_scan.hpp"

#include "core/scan/candidate_scan.hpp"
#include "core/shard/placement.hpp"
#include "core/shard/row_prefetch.hpp"
#include "query/column_groups.hpp"

#include <algorithm>
#include <bit>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carillon {
namespace {

/// Measures how long a scan has held its shard's thread. A row costs some 100 ns as a rule, so the
/// clock is read every few rows; but one may take as long as thousands, so it is read after so many
/// steps of the evaluator as well.
class Slice {
public:
    /// `meter` counts what the scan evaluates, and outlives this.
    Slice(Shard& shard, const query::Meter& meter) : shard_(shard), meter_(meter) { begin(); }

    bool is_over() {
        if (--rows_left_ > 0 && meter_.steps < look_at_) return false;
        look_at_ = meter_.steps + query::EvaluationLimits::steps_a_look;
        const TimePoint now = shard_.clock().now();
        interval_ = now - looked_ > quick ? 1 : std::min(interval_ * 2, interval_max);
        rows_left_ = interval_;
        looked_ = now;
        return now >= until_;
    }
    Task<> give_way() {
        co_await boost::asio::post(shard_.background(), boost::asio::use_awaitable);
        begin();
    }

private:
    static constexpr Duration quick = scan_slice_max / 64;
    static constexpr int interval_max = 32;

    void begin() {
        looked_ = shard_.clock().now();
        until_ = looked_ + scan_slice_max;
    }

    Shard& shard_;
    const query::Meter& meter_;
    std::uint64_t look_at_ = query::EvaluationLimits::steps_a_look;
    TimePoint looked_;
    TimePoint until_;
    int interval_ = 1;
    int rows_left_ = 1;
};

/// Walks the records a plan must look at, in key order. Between `next` and `next` the directory may
/// change if `pause` was called.
class Cursor {
public:
    Cursor(Shard& shard, const ScanPlan& plan, std::optional<IdentityKey> after)
        : shard_(shard), directory_(shard.directory()), plan_(plan), after_(std::move(after)) {
        if (!plan.ids || !after_) return;
        const auto first = std::lower_bound(plan.ids->begin(), plan.ids->end(), after_->device.str());
        id_ = static_cast<std::size_t>(first - plan.ids->begin());
    }

    const Record* next() {
        record_ = plan_.ids ? next_by_id() : next_in_order();
        return record_;
    }
    /// Keeps the place by key, since the record it points at may go.
    void pause() {
        if (record_ != nullptr) after_ = record_->key;
        record_ = nullptr;
    }
    /// What `next` would give.
    const Record* peek() const { return plan_.ids ? nullptr : next_in_order(); }
    /// Goes on behind `record`.
    void stand_at(const Record& record) { record_ = &record; }
    /// Once paused: the key behind which `next` goes on; none if it has not begun.
    const std::optional<IdentityKey>& place_left() const { return after_; }

private:
    const Record* next_in_order() const {
        const Record* record = record_ != nullptr ? directory_.next(*record_) : place();
        if (record == nullptr || plan_.prefix.empty()) return record;
        return record->key.device.str().starts_with(plan_.prefix) ? record : nullptr;
    }

    /// Where to go on when there is no record to go on from.
    const Record* place() const {
        const Record* first = nullptr;
        if (after_) first = directory_.upper_bound(*after_);
        if (plan_.prefix.empty()) return after_ ? first : directory_.first();
        if (after_ && after_->device.str() >= plan_.prefix) return first;
        // A prefix that can name no device has no rows; what it could precede does not matter.
        const auto from = IdentityKey::parse(plan_.prefix);
        return from ? directory_.lower_bound(*from) : nullptr;
    }

    /// Each id in turn: the device, or all its modules one after the other.
    const Record* next_by_id() {
        for (; id_ < plan_.ids->size(); ++id_) {
            const std::string& id = (*plan_.ids)[id_];
            // Another shard looks for those of its own.
            if (shard_number(id, shard_.shard_count()) != shard_.number()) continue;
            const auto key = IdentityKey::parse(id);
            if (!key) continue;
            const bool is_given = record_ != nullptr && record_->key.device == key->device;
            const bool is_begun = after_ && after_->device == key->device;
            const Record* record = nullptr;
            if (plan_.query.collection == query::Collection::devices) {
                // A device is one row. What lies behind it need not be looked at: that costs as much as
                // finding it.
                if (is_given || is_begun) continue;
                record = directory_.find(*key);
            } else if (is_given) {
                record = directory_.next(*record_);
            } else if (is_begun) {
                record = directory_.upper_bound(*after_);
            } else {
                record = directory_.lower_bound(*key);
            }
            if (record != nullptr && record->key.device == key->device) return record;
        }
        return nullptr;
    }

    Shard& shard_;
    const Directory& directory_;
    const ScanPlan& plan_;
    std::optional<IdentityKey> after_;
    const Record* record_ = nullptr;
    std::size_t id_ = 0;
};

/// How rows are found where no column helps.
ScanCost::Way way_by_key(const ScanPlan& plan) {
    return plan.ids || !plan.prefix.empty() ? ScanCost::Way::ids : ScanCost::Way::rows;
}

/// Gives the first rows of a shard in key order, by whatever way costs least.
class RowScan {
public:
    RowScan(Shard& shard, const ScanPlan& plan, std::optional<IdentityKey> after, std::size_t rows_max)
        : shard_(shard),
          plan_(plan),
          rows_max_(rows_max),
          slice_(shard, meter_),
          cursor_(shard, plan, std::move(after)),
          way_(way_by_key(plan)) {}

    Task<Result<std::vector<FoundRow>>> run() {
        TwinIndex& index = shard_.index();
        std::optional<CandidateScan> candidates;
        candidates.emplace(shard_, plan_.columns, plan_.query.collection);
        const bool is_whole = !plan_.ids && plan_.prefix.empty();
        if (is_whole && candidates->is_useful()) co_await index.ordered();
        if (!is_whole || !candidates->is_useful() || !index.order().is_ready()) {
            // Values that many rows have fill a page here.
            co_await walk(nullptr, plan_.ids ? any_number : index.limits().probe_rows);
            if (is_done()) co_return answer();
            if (!candidates->is_useful() && plan_.columns.is_selective()) {
                // Making columns reads what a scan would.
                cursor_.pause();
                co_await index.made(plan_.columns.paths());
                if (is_whole) co_await index.ordered();
                candidates.emplace(shard_, plan_.columns, plan_.query.collection);
            }
        }
        if (candidates->is_useful()) way_ = ScanCost::Way::columns;
        if (!candidates->is_useful()) {
            // What the first rows say of the others.
            const std::size_t all = shard_.directory().size();
            co_await find_rest(nullptr, looked_ == 0 ? all : rows_.size() * all / looked_);
        } else if (is_whole && index.order().is_ready()) {
            co_await find_in_order(*candidates);
        } else {
            co_await find_all(*candidates);
            co_await find_rest(&*candidates, candidates->count());
        }
        // Those of which others were enough; only now, as making them takes from the time of a query under
        // way.
        index.want(plan_.columns.paths());
        co_return answer();
    }

private:
    static constexpr std::size_t any_number = static_cast<std::size_t>(-1);
    /// Rows passed over one by one cost as much as this many found by words of 64, and a candidate that
    /// is compared by its key costs as much as this many passed over.
    static constexpr std::size_t passed_per_found = 16;
    static constexpr std::size_t passed_per_compared = 32;
    /// Rows passed over between two looks at the slice.
    static constexpr std::size_t passed_a_look = 64;

    bool is_done() const { return is_over_ || rows_.size() == rows_max_; }

    Result<std::vector<FoundRow>> answer() {
        plan_.cost.add(examined_, way_);
        if (refused_) return fail(*std::move(refused_));
        return std::move(rows_);
    }

    /// Whether the plan keeps a record; what breaks a limit ends the scan.
    bool keeps(const Record& record) {
        ++examined_;
        auto kept = plan_.keeps(record, meter_);
        if (kept) return *kept;
        refused_ = std::move(kept).error();
        is_over_ = true;
        return false;
    }

    /// Among many rows that match, the next in key order are soon found by walking; few are found
    /// sooner by looking at all that can match, as they lie in memory.
    Task<> find_rest(const CandidateScan* candidates, std::size_t matches) {
        const std::size_t all = shard_.directory().size();
        const std::size_t to_choose = candidates != nullptr ? matches : all / 4;
        const std::size_t to_walk = (rows_max_ - rows_.size()) * all / std::max<std::size_t>(matches, 1);
        // A prefix of ids is a part of the directory, whose size is not known.
        const bool is_whole = candidates != nullptr || plan_.prefix.empty();
        if (is_whole && to_choose < to_walk) {
            co_await choose(candidates);
        } else {
            co_await walk(candidates, any_number);
        }
    }

    /// Looks at up to `looks` further records in key order, passing over what is not a candidate.
    Task<> walk(const CandidateScan* candidates, std::size_t looks) {
        for (; looks > 0 && rows_.size() < rows_max_ && !is_over_; --looks) {
            const Record* record = cursor_.next();
            if (record == nullptr) {
                is_over_ = true;
                co_return;
            }
            ++looked_;
            if ((candidates == nullptr || candidates->has(record->ordinal)) && keeps(*record)) {
                rows_.push_back(FoundRow{record->key, *record->committed, record->live()});
            }
            if (slice_.is_over()) co_await give_way();
        }
    }

    Task<> find_all(CandidateScan& candidates) {
        while (candidates.step(meter_)) {
            if (slice_.is_over()) co_await give_way();
        }
    }

    /// A page of a value that is not rare is soon found by passing over the rows that do not match; if it is
    /// not, all rows that can match are found, and then passed over or compared.
    Task<> find_in_order(CandidateScan& candidates) {
        const std::size_t all = shard_.directory().size();
        IndexedFilter& filter = candidates.filter();
        for (std::size_t left = all / passed_per_found + 1; left > 0 && !is_done();) {
            while (!filter.prepare(meter_)) {
                if (slice_.is_over()) co_await give_way();
            }
            left -= pass([&filter](Ordinal ordinal) { return filter.can_match(ordinal); }, left);
            if (!is_done() && left > 0) co_await give_way();
        }
        if (is_done()) co_return;
        co_await find_all(candidates);
        if (candidates.count() * passed_per_compared < all) co_return co_await choose(&candidates);
        while (!is_done()) {
            pass([&candidates](Ordinal ordinal) { return candidates.has(ordinal); }, any_number);
            if (!is_done()) co_await give_way();
        }
    }

    /// Passes over up to `looks` rows in key order and takes those that can match and do; until the page is
    /// full or the slice is over. Gives how many it looked at.
    template <class CanMatch>
    std::size_t pass(CanMatch can_match, std::size_t looks) {
        KeyOrder::Walk walk(shard_.index().order(), cursor_.peek());
        std::size_t looked = 0;
        bool is_time = false;
        while (looked < looks && !is_done()) {
            const auto ordinal = walk.next();
            if (!ordinal) {
                is_over_ = true;
                break;
            }
            const bool is_candidate = can_match(*ordinal);
            ++looked;
            is_time = is_time || ((is_candidate || looked % passed_a_look == 0) && slice_.is_over());
            if (!is_candidate && !is_time && looked < looks) continue;
            // One that is gone leaves no place to go on from.
            const Record* record = shard_.directory().find(*ordinal);
            if (record == nullptr) continue;
            cursor_.stand_at(*record);
            if (is_candidate && keeps(*record)) {
                rows_.push_back(FoundRow{record->key, *record->committed, record->live()});
            }
            if (is_time) break;
        }
        return looked;
    }

    /// Finds, among all candidates, those that come next in key order.
    Task<> choose(const CandidateScan* candidates) {
        cursor_.pause();
        Choice choice{.after = cursor_.place_left(), .wanted = rows_max_ - rows_.size(), .first = {}};
        const RowPrefetch prefetch(shard_.directory(), plan_.parts);
        std::vector<Ordinal> batch;
        for (std::size_t word = 0; !is_over_ && fill(batch, word, candidates);) {
            for (std::size_t i = 0; i < batch.size() && !is_over_; ++i) {
                if (i + RowPrefetch::record_ahead < batch.size())
                    prefetch.record(batch[i + RowPrefetch::record_ahead]);
                if (i + RowPrefetch::document_ahead < batch.size())
                    prefetch.document(batch[i + RowPrefetch::document_ahead]);
                const Record* record = shard_.directory().find(batch[i]);
                if (record != nullptr && choice.wants(record->key) && keeps(*record)) {
                    choice.take(FoundRow{record->key, *record->committed, record->live()});
                }
                if (slice_.is_over()) co_await give_way();
            }
        }
        std::sort_heap(choice.first.begin(), choice.first.end(), Choice::is_before);
        std::move(choice.first.begin(), choice.first.end(), std::back_inserter(rows_));
    }

    /// The candidates of the words from `word` on, some hundreds; false if there are none.
    bool fill(std::vector<Ordinal>& batch, std::size_t& word, const CandidateScan* candidates) const {
        constexpr std::size_t enough = 256;
        constexpr std::size_t word_rows = query::Column::word_rows;
        batch.clear();
        const std::size_t end = candidates != nullptr ? candidates->rows().size()
                                                      : shard_.directory().next_ordinal() / word_rows + 1;
        for (; word < end && batch.size() < enough; ++word) {
            std::uint64_t bits = candidates != nullptr ? candidates->rows()[word] : ~std::uint64_t{0};
            for (; bits != 0; bits &= bits - 1) {
                batch.push_back(static_cast<Ordinal>(word * word_rows +
                                                     static_cast<std::size_t>(std::countr_zero(bits))));
            }
        }
        return !batch.empty();
    }

    /// The first rows in key order of those it was given.
    struct Choice {
        std::optional<IdentityKey> after;
        std::size_t wanted;
        std::vector<FoundRow> first;  ///< A heap, the last of them on top.

        static bool is_before(const FoundRow& a, const FoundRow& b) { return a.key < b.key; }
        bool wants(const IdentityKey& key) const {
            return (!after || *after < key) && (first.size() < wanted || key < first.front().key);
        }
        void take(FoundRow row) {
            if (first.size() == wanted) {
                std::pop_heap(first.begin(), first.end(), is_before);
                first.pop_back();
            }
            first.push_back(std::move(row));
            std::push_heap(first.begin(), first.end(), is_before);
        }
    };

    Task<> give_way() {
        cursor_.pause();
        co_await slice_.give_way();
    }

    Shard& shard_;
    const ScanPlan& plan_;
    const std::size_t rows_max_;
    query::Meter meter_;
    Slice slice_;
    Cursor cursor_;
    std::vector<FoundRow> rows_;
    std::size_t looked_ = 0;
    std::uint64_t examined_ = 0;
    ScanCost::Way way_;
    bool is_over_ = false;
    std::optional<Error> refused_;
};

/// Gathers the aggregates over a shard's rows.
class GroupScan {
public:
    GroupScan(Shard& shard, const ScanPlan& plan, query::Aggregation& groups)
        : shard_(shard), plan_(plan), groups_(groups), slice_(shard, meter_) {}

    Task<Result<>> run() {
        if (plan_.ids || !plan_.prefix.empty()) {
            auto gathered = co_await by_key();
            plan_.cost.add(examined_, ScanCost::Way::ids);
            co_return gathered;
        }
        auto gathered = co_await by_whatever_helps();
        plan_.cost.add(examined_, way_);
        // Those of which others were enough; only now, as making them takes from the time of a query under
        // way.
        shard_.index().want(plan_.columns.paths());
        shard_.index().want(plan_.group_paths);
        co_return gathered;
    }

private:
    using Pins = std::vector<std::optional<query::ColumnPin>>;

    Task<Result<>> by_whatever_helps() {
        if (!look_at_columns() && can_be_helped()) {
            // Making columns reads what a scan would.
            TwinIndex::Paths paths = plan_.columns.paths();
            paths.insert(paths.end(), plan_.group_paths.begin(), plan_.group_paths.end());
            co_await shard_.index().made(paths);
            look_at_columns();
        }
        if (filter_->is_useful() || (filter_->is_exact() && has_groups_)) {
            way_ = ScanCost::Way::columns;
            co_return co_await by_columns(*filter_, has_groups_ ? &pins_ : nullptr);
        }
        co_return co_await by_ordinal();
    }

    /// Whether the columns that are there help.
    bool look_at_columns() {
        filter_.emplace(shard_, plan_.columns, plan_.query.collection);
        pins_ = shard_.index().pin(plan_.group_paths);
        has_groups_ =
            std::all_of(pins_.begin(), pins_.end(), [](const auto& pin) { return pin.has_value(); });
        return filter_->is_useful() || (filter_->is_exact() && has_groups_);
    }
    /// Whether columns would.
    bool can_be_helped() const {
        if (plan_.columns.is_selective()) return true;
        return plan_.columns.is_exact() && std::all_of(plan_.group_paths.begin(), plan_.group_paths.end(),
                                                       [](const auto& path) { return is_columnar(*path); });
    }

    query::Row row_at(Ordinal ordinal) {
        const Record& record = *shard_.directory().find(ordinal);
        live_ = plan_.live(record);
        return query::Row(*record.committed, record.key, live_);
    }

    /// Adds a record if it is there and matches.
    Result<> examine(const Record* record) {
        if (record == nullptr) return {};
        ++examined_;
        const auto kept = plan_.keeps(*record, meter_);
        if (!kept) return fail(kept.error());
        if (!*kept) return {};
        live_ = plan_.live(*record);
        return groups_.add(query::Row(*record->committed, record->key, live_), meter_);
    }

    Task<Result<>> by_key() {
        Cursor cursor(shard_, plan_, std::nullopt);
        for (const Record* record = cursor.next(); record != nullptr; record = cursor.next()) {
            if (auto added = examine(record); !added) co_return added;
            if (!slice_.is_over()) continue;
            cursor.pause();
            co_await slice_.give_way();
        }
        co_return Result<>{};
    }

    /// Order does not matter here, and by ordinal records lie as they were made, which is faster.
    Task<Result<>> by_ordinal() {
        const RowPrefetch prefetch(shard_.directory(), plan_.parts);
        for (Ordinal ordinal = 0; ordinal < shard_.directory().next_ordinal(); ++ordinal) {
            prefetch.ahead_of(ordinal);
            if (auto added = examine(shard_.directory().find(ordinal)); !added) co_return added;
            if (slice_.is_over()) co_await slice_.give_way();
        }
        co_return Result<>{};
    }

    /// `pins` hold the columns of the groups, or are null if some are missing: then rows are read.
    Task<Result<>> by_columns(IndexedFilter& filter, const Pins* pins) {
        std::optional<query::ColumnGroups> grouping;
        if (pins != nullptr) {
            std::vector<const query::Column*> columns;
            for (const auto& pin : *pins) columns.push_back(&**pin);
            grouping.emplace(plan_.query, std::move(columns), groups_, meter_,
                             [this](Ordinal ordinal) { return row_at(ordinal); });
        }
        for (std::size_t word = 0; word < filter.words(); ++word) {
            while (!filter.prepare(meter_)) {
                if (slice_.is_over()) co_await slice_.give_way();
            }
            std::uint64_t rows = filter.rows(word);
            std::uint64_t to_read = filter.stale(word);
            if (!grouping || !filter.is_exact()) to_read |= std::exchange(rows, 0);
            while (rows != 0) {
                const auto left = grouping->add(word, rows);
                if (!left) co_return fail(left.error());
                rows = *left;
                // What gave way knows nothing of later changes: the rows left are looked at again.
                if (rows == 0 || !slice_.is_over()) continue;
                co_await slice_.give_way();
                to_read |= std::exchange(rows, 0);
            }
            const auto first = static_cast<Ordinal>(word * query::Column::word_rows);
            for (; to_read != 0; to_read &= to_read - 1) {
                const auto bit = static_cast<Ordinal>(std::countr_zero(to_read));
                if (auto added = examine(shard_.directory().find(first + bit)); !added) co_return added;
                if (slice_.is_over()) co_await slice_.give_way();
            }
            if (slice_.is_over()) co_await slice_.give_way();
        }
        if (grouping) grouping->finish();
        co_return Result<>{};
    }

    Shard& shard_;
    const ScanPlan& plan_;
    query::Aggregation& groups_;
    query::Meter meter_;
    Slice slice_;
    std::optional<IndexedFilter> filter_;
    Pins pins_;  ///< The columns of the groups that are there.
    bool has_groups_ = false;
    std::uint64_t examined_ = 0;
    ScanCost::Way way_ = ScanCost::Way::rows;
    LiveState live_;  ///< Of the row last made.
};

}  // namespace

ScanPlan::ScanPlan(query::Query of) : ScanPlan(std::move(of), Statement()) {}

ScanPlan::ScanPlan(query::Query of, Statement from)
    : query(std::move(of)),
      statement(std::move(from)),
      parts(query.parts()),
      ids(query.where.device_ids()),
      prefix(query.where.device_id_prefix()),
      columns(query.where) {
    if (query.is_aggregated()) group_paths = query::ColumnGroups::paths_of(query);
}

Result<std::shared_ptr<const ScanPlan>> ScanPlan::parse(Statement statement) {
    auto query = query::parse_query(statement.text, statement.options);
    if (!query) return fail(std::move(query).error());
    if (statement.is_counted) {
        if (query->is_aggregated()) return fail(Errc::argument_invalid, "Aggregates are not counted.");
        auto counting = query::parse_query("SELECT COUNT() AS n FROM devices");
        CARILLON_ASSERT(counting);
        counting->collection = query->collection;
        counting->where = std::move(query->where);
        query = std::move(counting);
    }
    return std::make_shared<const ScanPlan>(*std::move(query), std::move(statement));
}

Result<bool> ScanPlan::keeps(const Record& record, query::Meter& meter) const {
    if (!record.exists()) return false;
    if (record.key.is_module() != (query.collection == query::Collection::modules)) return false;
    if (query.where.is_always()) return true;
    const LiveState live = this->live(record);
    const query::Row row(*record.committed, record.key, live);
    const bool is_kept = query.where.keeps(row, meter);
    if (meter.overdrawn > 0) return fail(query::row_overdrawn(meter.limits, row));
    if (meter.steps > query::EvaluationLimits::statement_steps_max) return fail(query::statement_overdrawn());
    return is_kept;
}

Task<Result<std::vector<FoundRow>>> scan_rows(Shard& shard, std::shared_ptr<const ScanPlan> plan,
                                              std::optional<IdentityKey> after, std::size_t rows_max) {
    RowScan scan(shard, *plan, std::move(after), rows_max);
    co_return co_await scan.run();
}

Task<GatheredGroups> scan_groups(Shard& shard, std::shared_ptr<const ScanPlan> plan) {
    auto groups = std::make_unique<query::Aggregation>(plan->query);
    GroupScan scan(shard, *plan, *groups);
    auto gathered = co_await scan.run();
    if (!gathered) co_return fail(std::move(gathered).error());
    co_return groups;
}

}  // namespace carillon
