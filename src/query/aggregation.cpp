#include "base/stored_bytes.hpp"
#include "query/value.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <utility>

namespace carillon::query {
namespace {

/// Appends eight bytes that sort as the number does.
void append_sortable(std::string& out, double number) {
    auto bits = std::bit_cast<std::uint64_t>(number == 0 ? 0.0 : number);  // -0 is 0
    bits = (bits >> 63) != 0 ? ~bits : bits | (std::uint64_t{1} << 63);
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(bits >> shift));
}

/// Appends text that sorts before every longer text it begins: its zero bytes are marked, its end
/// is two zeros.
void append_sortable(std::string& out, std::string_view text) {
    for (const char c : text) {
        out.push_back(c);
        if (c == '\0') out.push_back('\xFF');
    }
    out.append(2, '\0');
}

/// What one aggregate of one group has seen.
struct Tally {
    std::uint64_t count = 0;
    bool is_spoilt = false;  ///< Something but a number was among the values.
    double sum = 0;
    double min = 0;
    double max = 0;

    void add(const Value& value) {
        if (!value.is_defined()) return;
        if (!value.is(Value::Kind::number)) {
            is_spoilt = true;
            ++count;
            return;
        }
        merge(Tally{.count = 1, .sum = value.number, .min = value.number, .max = value.number});
    }

    void merge(const Tally& other) {
        if (other.count == 0) return;
        min = count == 0 ? other.min : std::min(min, other.min);
        max = count == 0 ? other.max : std::max(max, other.max);
        sum += other.sum;
        count += other.count;
        is_spoilt = is_spoilt || other.is_spoilt;
    }

    /// The aggregate's value, if it has one.
    std::optional<double> value(Aggregate aggregate) const {
        if (aggregate == Aggregate::count) return static_cast<double>(count);
        if (is_spoilt || count == 0) return std::nullopt;
        switch (aggregate) {
            case Aggregate::sum:
                return sum;
            case Aggregate::avg:
                return sum / static_cast<double>(count);
            case Aggregate::min:
                return min;
            default:
                return max;
        }
    }
};

struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// A position names a group's key, or the beginning of a long one and how many groups that share
/// this beginning were given out: `<count>:<bytes>`.
constexpr std::size_t position_key_bytes_max = 256;

}  // namespace

struct Aggregation::Group {
    std::vector<std::string> values;  ///< JSON of what it is grouped by; empty for undefined.
    std::vector<Tally> tallies;       ///< One for each item of the SELECT list.
};

struct Aggregation::Impl {
    std::vector<std::shared_ptr<const Projection>> projections;
    std::vector<std::shared_ptr<const Path>> group_by;
    std::unordered_map<std::string, Group, Hash, std::equal_to<>> groups;
    std::size_t bytes = 0;
    std::string key;  ///< Reused from row to row.

    void append_key(const Path& path, const Row& row, Scratch& scratch, std::string* json);
    Result<Group*> find_or_add(const Row& row, Scratch& scratch);
    Result<> admit(std::string_view group_key, const Group& group);
    std::string row_json(const Group& group) const;
    std::vector<const std::pair<const std::string, Group>*> sorted() const;
};

/// Appends one grouped value to `key`: its type, in the order of the language's types, and itself.
void Aggregation::Impl::append_key(const Path& path, const Row& row, Scratch& scratch, std::string* json) {
    const Value value = read_path(path, row, scratch);
    key.push_back(static_cast<char>(value.kind));
    switch (value.kind) {
        case Value::Kind::undefined:
        case Value::Kind::null:
            break;
        case Value::Kind::boolean:
            key.push_back(value.boolean ? 1 : 0);
            break;
        case Value::Kind::number:
            append_sortable(key, value.number);
            break;
        case Value::Kind::string: {
            const std::string_view text = text_of(value, scratch);
            if (scratch.spend_bytes(text.size())) append_sortable(key, text);
            break;
        }
        case Value::Kind::array:
        case Value::Kind::object: {
            std::string text;
            append_path_json(text, path, row, scratch);
            append_sortable(key, text);
            break;
        }
    }
    if (json == nullptr) return;
    if (value.is(Value::Kind::number)) {
        // 1 and 1.0 are one group; which text was seen first must not show.
        append_number_json(*json, value.number);
    } else {
        append_path_json(*json, path, row, scratch);
    }
}

Result<> Aggregation::Impl::admit(std::string_view group_key, const Group& group) {
    bytes += group_key.size();
    for (const std::string& value : group.values) bytes += value.size();
    if (groups.size() >= groups_max || bytes > bytes_max) {
        return fail(Errc::argument_invalid, "GROUP BY yields too many groups");
    }
    return {};
}

Result<Aggregation::Group*> Aggregation::Impl::find_or_add(const Row& row, Scratch& scratch) {
    key.clear();
    for (const auto& path : group_by) {
        append_key(*path, row, scratch, nullptr);
        if (scratch.is_overdrawn()) return fail(row_overdrawn(scratch.limits(), row));
    }
    if (const auto found = groups.find(std::string_view(key)); found != groups.end()) return &found->second;
    Group group;
    group.values.resize(group_by.size());
    group.tallies.resize(projections.size());
    key.clear();
    for (std::size_t i = 0; i < group_by.size(); ++i)
        append_key(*group_by[i], row, scratch, &group.values[i]);
    if (scratch.is_overdrawn()) return fail(row_overdrawn(scratch.limits(), row));
    if (auto admitted = admit(key, group); !admitted) return fail(std::move(admitted).error());
    return &groups.emplace(key, std::move(group)).first->second;
}

std::string Aggregation::Impl::row_json(const Group& group) const {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    for (std::size_t i = 0; i < projections.size(); ++i) {
        const Projection& projection = *projections[i];
        if (projection.aggregate == Aggregate::none) {
            const std::string& value = group.values[projection.group];
            if (!value.empty()) json.member_raw(projection.key, value);
        } else if (auto value = group.tallies[i].value(projection.aggregate);
                   value && std::isfinite(*value)) {
            std::string number;
            append_number_json(number, *value);
            json.member_raw(projection.key, number);
        }
    }
    json.end_object();
    return text;
}

std::vector<const std::pair<const std::string, Aggregation::Group>*> Aggregation::Impl::sorted() const {
    std::vector<const std::pair<const std::string, Group>*> all;
    all.reserve(groups.size());
    for (const auto& entry : groups) all.push_back(&entry);
    std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    return all;
}

Aggregation::Aggregation(const Query& query) : impl_(std::make_unique<Impl>()) {
    impl_->projections = query.projections;
    impl_->group_by = query.group_by;
    if (!impl_->group_by.empty()) return;
    Group all;  // without GROUP BY there is one row, be it of no rows
    all.tallies.resize(impl_->projections.size());
    impl_->groups.emplace(std::string(), std::move(all));
}

Aggregation::~Aggregation() = default;
Aggregation::Aggregation(Aggregation&&) noexcept = default;
Aggregation& Aggregation::operator=(Aggregation&&) noexcept = default;

Result<> Aggregation::add(const Row& row, Meter& meter) {
    Scratch scratch(meter.limits);
    auto group = impl_->find_or_add(row, scratch);
    if (!group) {
        scratch.settle(meter);
        return fail(std::move(group).error());
    }
    for (std::size_t i = 0; i < impl_->projections.size(); ++i) {
        const Projection& projection = *impl_->projections[i];
        if (projection.aggregate == Aggregate::none) continue;
        Tally& tally = (*group)->tallies[i];
        if (projection.path) {
            tally.add(read_path(*projection.path, row, scratch));
        } else {
            ++tally.count;
        }
    }
    if (!scratch.settle(meter)) return fail(row_overdrawn(meter.limits, row));
    return {};
}

Result<Aggregation::Group*> Aggregation::group_of(const Row& row, Meter& meter) {
    Scratch scratch(meter.limits);
    auto group = impl_->find_or_add(row, scratch);
    if (!scratch.settle(meter)) return fail(row_overdrawn(meter.limits, row));
    return group;
}

void Aggregation::add_to(Group& group, std::span<const Value> values) {
    for (std::size_t i = 0; i < impl_->projections.size(); ++i) {
        const Projection& projection = *impl_->projections[i];
        if (projection.aggregate == Aggregate::none) continue;
        if (projection.path) {
            group.tallies[i].add(values[i]);
        } else {
            ++group.tallies[i].count;
        }
    }
}

void Aggregation::count_to(Group& group, std::uint64_t rows) {
    for (std::size_t i = 0; i < impl_->projections.size(); ++i) {
        if (impl_->projections[i]->aggregate != Aggregate::none) group.tallies[i].count += rows;
    }
}

Result<> Aggregation::merge(Aggregation&& other) {
    while (!other.impl_->groups.empty()) {
        auto node = other.impl_->groups.extract(other.impl_->groups.begin());
        if (const auto found = impl_->groups.find(node.key()); found != impl_->groups.end()) {
            for (std::size_t i = 0; i < impl_->projections.size(); ++i) {
                found->second.tallies[i].merge(node.mapped().tallies[i]);
            }
            continue;
        }
        if (auto admitted = impl_->admit(node.key(), node.mapped()); !admitted) return admitted;
        impl_->groups.insert(std::move(node));
    }
    return {};
}

void Aggregation::write(StoredWriter& out) const {
    out.varint(impl_->groups.size());
    for (const auto& [key, group] : impl_->groups) {
        out.text(key);
        for (const std::string& value : group.values) out.text(value);
        for (const Tally& tally : group.tallies) {
            out.varint(tally.count);
            out.u8(tally.is_spoilt ? 1 : 0);
            for (const double number : {tally.sum, tally.min, tally.max})
                out.u64(std::bit_cast<std::uint64_t>(number));
        }
    }
}

bool Aggregation::read(StoredReader& in) {
    impl_->groups.clear();
    impl_->bytes = 0;
    for (std::size_t left = in.count(); left > 0; --left) {
        const std::string_view key = in.text();
        Group group;
        for (std::size_t i = 0; i < impl_->group_by.size(); ++i) group.values.emplace_back(in.text());
        for (std::size_t i = 0; i < impl_->projections.size(); ++i) {
            Tally& tally = group.tallies.emplace_back();
            tally.count = in.varint();
            tally.is_spoilt = in.u8() == 1;
            for (double* number : {&tally.sum, &tally.min, &tally.max})
                *number = std::bit_cast<double>(in.u64());
        }
        if (!in.ok() || !impl_->admit(key, group)) return false;
        if (!impl_->groups.emplace(std::string(key), std::move(group)).second) return false;
    }
    // Without GROUP BY there is one row.
    return in.ok() && (!impl_->group_by.empty() || impl_->groups.size() == 1);
}

std::vector<std::string> Aggregation::rows() const {
    std::vector<std::string> rows;
    for (const auto* entry : impl_->sorted()) rows.push_back(impl_->row_json(entry->second));
    return rows;
}

Aggregation::Page Aggregation::page(std::string_view position, std::size_t rows_max,
                                    std::size_t page_bytes_max) const {
    const auto all = impl_->sorted();
    auto prefix = [](const std::string& key) {
        return std::string_view(key).substr(0, position_key_bytes_max);
    };
    std::size_t at = 0;
    if (const std::size_t colon = position.find(':'); colon != std::string_view::npos) {
        const std::string_view from = position.substr(colon + 1);
        auto is_before = [&](const auto* entry, std::string_view text) {
            return prefix(entry->first) < text;
        };
        at =
            static_cast<std::size_t>(std::lower_bound(all.begin(), all.end(), from, is_before) - all.begin());
        for (auto given = std::atoll(std::string(position.substr(0, colon)).c_str());
             given > 0 && at < all.size() && prefix(all[at]->first) == from; --given) {
            ++at;
        }
    }
    Page page;
    for (std::size_t bytes = 0; at < all.size() && page.rows.size() < rows_max && bytes < page_bytes_max;
         ++at) {
        bytes += page.rows.emplace_back(impl_->row_json(all[at]->second)).size();
    }
    if (at > 0 && at < all.size() && !page.rows.empty()) {
        const std::string_view last = prefix(all[at - 1]->first);
        std::size_t given = 0;
        while (given < at && prefix(all[at - 1 - given]->first) == last) ++given;
        page.position = std::to_string(given) + ":" + std::string(last);
    }
    return page;
}

}  // namespace carillon::query
