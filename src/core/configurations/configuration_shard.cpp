#include "core/configurations/configuration_shard.hpp"

#include "base/log.hpp"
#include "base/pack.hpp"
#include "base/stored_number.hpp"

#include <algorithm>

namespace carillon {
namespace {

std::string row_key(std::uint32_t shard, Ordinal ordinal) {
    std::string key = "t";
    append_be(key, shard);
    append_be(key, ordinal);
    return key;
}

std::string encode_row(const ConfigurationLayers& layers) {
    std::string row;
    Packer out(row);
    out.u8(1);
    out.u8(layers.is_refused ? 1 : 0);
    out.number(layers.numbers.size());
    for (const auto number : layers.numbers) out.number(number);
    return row;
}

}  // namespace

ConfigurationShard::ConfigurationShard(Shard& shard, ConfigurationNews news)
    : shard_(shard), news_(std::move(news)), turns_(shard.background()) {
    shard_.add_observer(*this);
}

std::vector<ConfigurationCount> ConfigurationShard::count_configurations() const {
    std::vector<ConfigurationCount> all;
    for (const auto& [number, counts] : counts_) all.push_back({number, counts.targeted, counts.applied});
    return all;
}

// --- the set ---------------------------------------------------------------------------------------

Result<> ConfigurationShard::load(std::shared_ptr<const ConfigurationSet> set) {
    set_ = std::move(set);
    Result<> outcome;
    Batch orphans;
    const auto visit = [&](std::string_view key, std::string_view value) {
        // A row may outlive its device by a commit that did not come to be.
        Record* record = shard_.directory().find(read_be<Ordinal>(key.substr(5)));
        if (record == nullptr) {
            orphans.erase(Table::configurations, std::string(key));
        } else {
            outcome = load_row(*record, value);
        }
        return outcome.has_value();
    };
    auto scanned = shard_.store().scan(Table::configurations, row_key(shard_.number(), 0),
                                       row_key(shard_.number() + 1, 0), visit);
    if (!scanned || !outcome || orphans.is_empty()) return scanned ? outcome : scanned;
    return shard_.store().commit(orphans);
}

Result<> ConfigurationShard::load_row(Record& record, std::string_view value) {
    Unpacker in(as_bytes(value));
    const bool is_known_form = in.u8() == 1;
    const bool is_refused = in.u8() == 1;
    std::vector<ConfigurationNumber> numbers(in.count());
    for (auto& number : numbers) number = static_cast<ConfigurationNumber>(in.number());
    bool is_good = is_known_form && in.at_end();
    for (const auto number : numbers) is_good = is_good && set_->known.contains(number);
    if (!is_good) return fail(Errc::store_corrupt, "the stored configurations of a twin do not decode");
    const auto layers = find_layers(numbers, is_refused);
    record.configurations = layers;
    count(*layers, 1);
    return {};
}

void ConfigurationShard::install(std::shared_ptr<const ConfigurationSet> set) {
    const bool is_new = !set_ || set_->epoch != set->epoch || !is_begun_;
    set_ = std::move(set);
    is_begun_ = true;
    looking_at_.reset();
    removed_.clear();
    for (const auto& [number, rule] : set_->known) {
        if (rule->is_removed) removed_.push_back(number);
    }
    if (set_->known.empty()) {
        shard_.remove_write_observer(*this);
        checked_versions_ = {};
        is_waiting_ = {};
        waiting_.clear();
        is_passing_ = false;
        passes_again_ = false;
        return;
    }
    shard_.add_write_observer(*this);
    if (!is_new) return;
    is_passing_ = false;  // what was looked at under the old set is looked at again
    passes_again_ = false;
    has_passed_ = false;
    begin_pass();
}

void ConfigurationShard::stop() {
    is_stopped_ = true;
    shard_.remove_write_observer(*this);
    turns_.stop();
}

/// Looks at all twins, once more if that is under way; so whatever waits is seen.
void ConfigurationShard::begin_pass() {
    waiting_.clear();
    is_waiting_.assign(is_waiting_.size(), false);
    if (is_passing_) {
        passes_again_ = true;
    } else {
        is_passing_ = true;
        cursor_ = 0;
    }
    turns_.wake(*this);
}

// --- what is to be looked at -------------------------------------------------------------------------

void ConfigurationShard::settled(Record& record) {
    if (looking_at_ == record.ordinal) looking_at_.reset();
    enqueue(record.ordinal);
}

void ConfigurationShard::enqueue(Ordinal ordinal) {
    if (is_waiting_.size() <= ordinal) is_waiting_.resize(shard_.directory().next_ordinal());
    if (is_waiting_[ordinal]) return;
    if (waiting_.size() == waiting_max) return begin_pass();
    is_waiting_[ordinal] = true;
    waiting_.push_back(ordinal);
    turns_.wake(*this);
}

void ConfigurationShard::removed(Record& record) {
    if (looking_at_ == record.ordinal) looking_at_.reset();
    if (!record.configurations) return;
    count(*layers_of(record), -1);
    shard_.committer().batch().erase(Table::configurations, row_key(shard_.number(), record.ordinal));
    shard_.committer().on_durable(
        [self = shared_from_this()](const Result<>&) { static_cast<ConfigurationShard&>(*self).tell(); });
}

Record* ConfigurationShard::next_waiting() {
    while (!waiting_.empty()) {
        const Ordinal ordinal = waiting_.front();
        waiting_.pop_front();
        is_waiting_[ordinal] = false;
        if (Record* record = shard_.directory().find(ordinal)) return record;
    }
    return nullptr;
}

Record* ConfigurationShard::next_in_pass() {
    while (is_passing_) {
        for (const Ordinal end = shard_.directory().next_ordinal(); cursor_ < end;) {
            if (Record* record = shard_.directory().find(cursor_++)) return record;
        }
        cursor_ = 0;
        is_passing_ = std::exchange(passes_again_, false);
    }
    return nullptr;
}

/// The next record to look at, in turns of what waits and of the pass, so that neither keeps the other
/// from coming to its end; null if there is none now.
Record* ConfigurationShard::next() {
    is_turn_of_pass_ = !is_turn_of_pass_;
    Record* record = is_turn_of_pass_ ? next_in_pass() : next_waiting();
    if (record != nullptr) return record;
    return is_turn_of_pass_ ? next_waiting() : next_in_pass();
}

bool ConfigurationShard::may_write() {
    if (writes_ >= writes_max || told_ >= told_max) return false;  // their end wakes this
    if (!shard_.committer().is_full()) return true;
    shard_.committer().on_durable([self = shared_from_this()](const Result<>&) {
        auto& shard = static_cast<ConfigurationShard&>(*self);
        shard.turns_.wake(shard);
    });
    return false;
}

bool ConfigurationShard::step() {
    if (is_paused_ || is_stopped_ || !may_write()) return false;
    const auto& clock = shard_.clock();
    const auto enough = clock.now() + slice_max;
    for (std::size_t looked = 1; writes_ < writes_max && told_ < told_max; ++looked) {
        Record* record = begun();
        if (record == nullptr) record = next();
        if (record == nullptr) {
            tell();
            return false;
        }
        look_at(*record, enough);
        if (looking_at_ || (looked % 16 == 0 && clock.now() >= enough)) return true;
    }
    return false;
}

// --- one twin ----------------------------------------------------------------------------------------

/// The twin that a turn ended in the middle of, if that still matters.
Record* ConfigurationShard::begun() {
    Record* record = looking_at_ ? shard_.directory().find(*looking_at_) : nullptr;
    if (record == nullptr) looking_at_.reset();
    return record;
}

/// Asks the rules which of them select the twin. False if the turn ended before all were asked.
bool ConfigurationShard::ask_all(const query::Row& row, TimePoint enough) {
    while (asked_ < set_->rules.size()) {
        const auto& rule = *set_->rules[asked_++];
        const auto overdrawn = meter_.overdrawn;
        if (rule.selects(row, meter_)) selected_.push_back(rule.number);
        if (meter_.overdrawn != overdrawn) ++overdrawn_[rule.number];
        if (meter_.steps < next_clock_look_) continue;
        next_clock_look_ = meter_.steps + query::EvaluationLimits::steps_a_look;
        if (asked_ < set_->rules.size() && shard_.clock().now() >= enough) return false;
    }
    return true;
}

void ConfigurationShard::look_at(Record& record, TimePoint enough) {
    const bool is_new = looking_at_ != record.ordinal;
    looking_at_.reset();
    // A twin with a write under way is looked at when that has ended.
    if (record.writes > 0 || !record.committed) return;
    if (is_new) {
        asked_ = 0;
        selected_.clear();
    }
    const LiveState live;  // no target condition reads it
    if (!ask_all(query::Row(*record.committed, record.key, live), enough)) {
        looking_at_ = record.ordinal;
        return;
    }
    const Layers before = layers_of(record);
    const bool is_same = before ? before->numbers == selected_ : selected_.empty();
    const auto version = record.committed->twin.desired.version();
    if (is_same && (!before || checked_version(record.ordinal) == version)) return;
    // One that had no room is tried again, since it may have room now.
    const Layers after = selected_.empty() ? nullptr : find_layers(selected_, false);
    if (write(record, before, after)) return;
    if (!write(record, before, find_layers(selected_, true))) {
        log.error("configurations not applied device={}", record.key.path());
    }
}

ConfigurationShard::Layers ConfigurationShard::layers_of(const Record& record) const {
    return std::static_pointer_cast<const ConfigurationLayers>(record.configurations);
}

ConfigurationShard::Layers ConfigurationShard::find_layers(const std::vector<ConfigurationNumber>& numbers,
                                                           bool is_refused) {
    const auto known = layers_.find({numbers, is_refused});
    Layers layers = known == layers_.end() ? nullptr : known->second.lock();
    if (layers) return layers;
    if (layers_.size() >= layers_kept_) {
        std::erase_if(layers_, [](const auto& entry) { return entry.second.expired(); });
        layers_kept_ = std::max(layers_kept_min, 2 * layers_.size());
    }
    layers = ConfigurationLayers::make(numbers, is_refused, *set_);
    if (layers->is_refused && !is_refused) return find_layers(numbers, true);
    layers_[{numbers, is_refused}] = layers;
    return layers;
}

/// Makes the twin hold what `after` gives instead of what `before` gave, if it does not already. False
/// if it has no room.
bool ConfigurationShard::write(Record& record, const Layers& before, const Layers& after) {
    const Twin& twin = record.committed->twin;
    const JsonValue given = after ? after->given() : JsonValue();
    const JsonValue taken = before ? before->given() : JsonValue();
    const std::string text = settings_patch(twin.desired, given, taken);
    const bool is_same_row = before == after;
    if (text.empty() && is_same_row) {
        checked_version(record.ordinal) = twin.desired.version();
        return true;
    }
    Document document = *record.committed;
    std::string notification;
    if (!text.empty()) {
        const auto json = JsonDocument::parse(text);
        CARILLON_ASSERT(json);
        auto desired = SectionPatch::parse(json->root());
        if (!desired) return false;
        TwinPatch patch;
        patch.desired = *std::move(desired);
        auto change = patch_twin(twin, patch, shard_.clock().wall_now());
        if (!change) return false;
        document.twin = std::move(change->twin);
        notification = std::move(change->notification);
    }
    if (!is_same_row) {
        auto key = row_key(shard_.number(), record.ordinal);
        auto& batch = shard_.committer().batch();
        if (after) {
            batch.put(Table::configurations, std::move(key), encode_row(*after));
        } else {
            batch.erase(Table::configurations, std::move(key));
        }
    }
    const bool is_told = record.link != nullptr && !notification.empty();
    ++writes_;
    if (is_told) ++told_;
    const auto version = document.twin.desired.version();
    shard_.write_twin_change(record, std::move(document), std::move(notification));
    shard_.committer().on_durable([self = shared_from_this(), ordinal = record.ordinal, version, after,
                                   is_told](const Result<>& result) {
        auto& shard = static_cast<ConfigurationShard&>(*self);
        if (is_told) --shard.told_;
        shard.written(ordinal, version, after, result.has_value());
    });
    return true;
}

void ConfigurationShard::written(Ordinal ordinal, std::int64_t version, const Layers& after,
                                 bool is_durable) {
    --writes_;
    Record* record = is_durable ? shard_.directory().find(ordinal) : nullptr;
    if (record != nullptr) {
        if (record->configurations) count(*layers_of(*record), -1);
        if (after) count(*after, 1);
        record->configurations = after;
        checked_version(ordinal) = version;
    }
    if (!is_durable && !is_paused_) {
        // The twin was taken back and waits to be looked at again.
        is_paused_ = true;
        shard_.timers().at(shard_.clock().now() + retry_delay, [self = shared_from_this()] {
            auto& shard = static_cast<ConfigurationShard&>(*self);
            shard.is_paused_ = false;
            shard.turns_.wake(shard);
        });
    }
    tell();
    turns_.wake(*this);
}

std::int64_t& ConfigurationShard::checked_version(Ordinal ordinal) {
    if (checked_versions_.size() <= ordinal) checked_versions_.resize(shard_.directory().next_ordinal());
    return checked_versions_[ordinal];
}

void ConfigurationShard::count(const ConfigurationLayers& layers, int sign) {
    for (std::size_t i = 0; i < layers.numbers.size(); ++i) {
        Counts& counts = counts_[layers.numbers[i]];
        counts.targeted += sign;
        if (layers.is_applied[i]) counts.applied += sign;
        if (counts.targeted == 0) counts_.erase(layers.numbers[i]);
    }
}

/// Says in the log, now and then, which conditions took too much. Such a twin counts as not selected.
void ConfigurationShard::tell_overdrawn() {
    if (overdrawn_.empty() || shard_.clock().now() < next_overdrawn_line_) return;
    next_overdrawn_line_ = shard_.clock().now() + overdrawn_interval;
    for (const auto& [number, looks] : std::exchange(overdrawn_, {})) {
        const auto known = set_->known.find(number);
        if (known == set_->known.end()) continue;
        log.warn(
            "target condition takes too much for some twins, which it does not select "
            "configuration={} looks={}",
            known->second->configuration.id, looks);
    }
}

/// Passes on the news there is.
void ConfigurationShard::tell() {
    if (writes_ > 0 || is_stopped_) return;
    tell_overdrawn();
    if (!has_passed_ && !is_passing_) {
        has_passed_ = true;
        news_.passed(set_->epoch);
    }
    std::erase_if(removed_, [this](ConfigurationNumber number) {
        const bool is_clean = !counts_.contains(number);
        if (is_clean) news_.clean(number);
        return is_clean;
    });
}

}  // namespace carillon
