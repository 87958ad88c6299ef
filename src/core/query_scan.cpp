#include "core/query_scan.hpp"

#include "core/queries.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carillon {
namespace {

/// Measures how long a scan has held its shard's thread. A row costs some 100 ns as a rule, so the
/// clock is read every few rows; but a long condition over large arrays may take milliseconds, and then
/// it is read after each.
class Slice {
public:
    explicit Slice(Shard& shard) : shard_(shard) { begin(); }

    bool is_over() {
        if (--rows_left_ > 0) return false;
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
    static constexpr Duration quick = Queries::slice_max / 64;
    static constexpr int interval_max = 32;

    void begin() {
        looked_ = shard_.clock().now();
        until_ = looked_ + Queries::slice_max;
    }

    Shard& shard_;
    TimePoint looked_;
    TimePoint until_;
    int interval_ = 1;
    int rows_left_ = 1;
};

/// Walks the records a plan must look at, in key order. Between `next` and `next` the directory may
/// change if `pause` was called.
class Cursor {
public:
    Cursor(const Directory& directory, const ScanPlan& plan, std::optional<IdentityKey> after)
        : directory_(directory), plan_(plan), after_(std::move(after)) {
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

private:
    const Record* next_in_order() {
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
            const auto key = IdentityKey::parse((*plan_.ids)[id_]);
            if (!key) continue;
            const bool is_begun = after_ && after_->device == key->device;
            const Record* record = nullptr;
            if (record_ != nullptr && record_->key.device == key->device) {
                record = directory_.next(*record_);
            } else if (is_begun) {
                record = directory_.upper_bound(*after_);
            } else if (plan_.query.collection == query::Collection::devices) {
                record = directory_.find(*key);
            } else {
                record = directory_.lower_bound(*key);
            }
            if (record != nullptr && record->key.device == key->device) return record;
        }
        return nullptr;
    }

    const Directory& directory_;
    const ScanPlan& plan_;
    std::optional<IdentityKey> after_;
    const Record* record_ = nullptr;
    std::size_t id_ = 0;
};

}  // namespace

ScanPlan::ScanPlan(query::Query of)
    : query(std::move(of)), ids(query.where.device_ids()), prefix(query.where.device_id_prefix()) {}

bool ScanPlan::keeps(const Record& record) const {
    if (!record.exists()) return false;
    if (record.key.is_module() != (query.collection == query::Collection::modules)) return false;
    if (query.where.is_always()) return true;
    const LiveState live = record.live();
    return query.where.keeps(query::Row(*record.committed, record.key, live));
}

Task<std::vector<FoundRow>> scan_rows(Shard& shard, std::shared_ptr<const ScanPlan> plan,
                                      std::optional<IdentityKey> after, std::size_t rows_max) {
    std::vector<FoundRow> rows;
    Slice slice(shard);
    Cursor cursor(shard.directory(), *plan, std::move(after));
    while (rows.size() < rows_max) {
        const Record* record = cursor.next();
        if (record == nullptr) break;
        if (plan->keeps(*record)) rows.push_back(FoundRow{record->key, *record->committed, record->live()});
        if (slice.is_over()) {
            cursor.pause();
            co_await slice.give_way();
        }
    }
    co_return rows;
}

Task<GatheredGroups> scan_groups(Shard& shard, std::shared_ptr<const ScanPlan> plan) {
    auto groups = std::make_unique<query::Aggregation>(plan->query);
    Slice slice(shard);
    // Order does not matter here, and by ordinal records lie as they were made, which is faster.
    const bool by_ordinal = !plan->ids && plan->prefix.empty();
    Cursor cursor(shard.directory(), *plan, std::nullopt);
    for (Ordinal ordinal = 0;; ++ordinal) {
        if (by_ordinal && ordinal >= shard.directory().next_ordinal()) break;
        const Record* record = by_ordinal ? shard.directory().find(ordinal) : cursor.next();
        if (record == nullptr && !by_ordinal) break;
        if (record != nullptr && plan->keeps(*record)) {
            const LiveState live = record->live();
            auto added = groups->add(query::Row(*record->committed, record->key, live));
            if (!added) co_return fail(std::move(added).error());
        }
        if (slice.is_over()) {
            cursor.pause();
            co_await slice.give_way();
        }
    }
    co_return groups;
}

}  // namespace carillon
