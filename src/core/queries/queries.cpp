#include "core/queries/queries.hpp"

#include "base/text.hpp"
#include "core/jobs/jobs.hpp"
#include "core/scan/merge_by_key.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <utility>
#include <vector>

namespace carillon {

/// Where a page begins: the key or place of the page before, and what TOP leaves to give.
struct Queries::Position {
    std::optional<std::uint64_t> remaining;
    std::string place;  ///< Empty for the first page.
};

/// A page before it is sealed.
struct Queries::Answer {
    QueryPage page;
    std::string place;  ///< Empty when nothing follows.
};

namespace {

/// What a row's place is called in a token: ids hold no line ends.
std::string place_of(const IdentityKey& key) {
    return key.device.str() + '\n' + key.module;
}

std::optional<IdentityKey> key_at(std::string_view place) {
    const std::size_t end = place.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    auto key = IdentityKey::parse(place.substr(0, end), place.substr(end + 1));
    return key ? std::optional(*std::move(key)) : std::nullopt;
}

std::size_t clamped(std::size_t page_size, Flavour flavour) {
    if (page_size == 0) return Queries::page_size_default;
    return std::min(page_size,
                    flavour == Flavour::preview ? Queries::preview_page_size_max : Queries::page_size_max);
}

Error row_too_long(const IdentityKey& key) {
    return Error{Errc::argument_invalid, "The row of '" + key.path() + "' takes more than " +
                                             std::to_string(Queries::page_bytes_max) + " bytes; select less"};
}

void set_cost(QueryPage& page, const ScanCost& cost) {
    page.examined = cost.examined();
    page.found_by = cost.way_text();
}

std::size_t rows_wanted(std::optional<std::uint64_t> remaining, std::size_t page_size) {
    return remaining ? static_cast<std::size_t>(std::min<std::uint64_t>(*remaining, page_size)) : page_size;
}

}  // namespace

Queries::Queries(ShardPort& port, Jobs& jobs, const Clock& clock, const PageTokens& tokens,
                 query::QueryOptions options)
    : port_(port), jobs_(jobs), clock_(clock), tokens_(tokens), options_(options) {}

Task<Result<QueryPage>> Queries::run(QueryRequest request) {
    const TimePoint begun = clock_.now();
    auto query = query::parse_query(request.statement, options_);
    if (!query) co_return fail(std::move(query).error());
    const std::string purpose =
        (request.flavour == Flavour::preview ? "preview\n" : "ga\n") + request.statement;
    Position position;
    position.remaining = query->top;
    if (!request.continuation.empty()) {
        auto opened = tokens_.open(purpose, request.continuation);
        if (!opened) co_return fail(std::move(opened).error());
        const std::size_t end = opened->find('\n');
        position.remaining = parse_u64(std::string_view(*opened).substr(0, end));
        position.place = opened->substr(end + 1);
    }
    const std::size_t rows_max = rows_wanted(position.remaining, clamped(request.page_size, request.flavour));
    const auto remaining = position.remaining;
    Task<Result<Answer>> task;
    if (query->collection == query::Collection::jobs) {
        task = list_jobs(*std::move(query), std::move(position), rows_max);
    } else {
        ScanPlan::Statement statement{std::move(request.statement), options_};
        auto plan = std::make_shared<const ScanPlan>(*std::move(query), std::move(statement));
        task = plan->query.is_aggregated()
                   ? list_groups(std::move(plan), std::move(position), rows_max)
                   : list_rows(std::move(plan), std::move(position), rows_max, request.flavour);
    }
    auto answer = co_await std::move(task);
    if (!answer) co_return fail(std::move(answer).error());
    QueryPage page = std::move(answer->page);
    const std::size_t rows = page.long_twin ? 1 : page.items.size();
    const bool is_top_reached = remaining && rows >= *remaining;
    if (!answer->place.empty() && !is_top_reached) {
        std::string next = remaining ? std::to_string(*remaining - rows) : std::string();
        next += '\n';
        next += answer->place;
        page.continuation = tokens_.seal(purpose, next);
    }
    page.took = clock_.now() - begun;
    co_return page;
}

/// Each shard gives its first rows behind the last key; the page is the smallest keys of all. One
/// row more than the page tells whether anything follows.
Task<Result<Queries::Answer>> Queries::list_rows(Plan plan, Position position, std::size_t page_size,
                                                 Flavour flavour) {
    const ScanRows scan{plan, key_at(position.place), page_size + 1};
    auto scanning = port_.ask_all(scan);
    auto rows = merge_by_key(co_await std::move(scanning), page_size + 1);
    if (!rows) co_return fail(std::move(rows).error());
    Answer answer;
    set_cost(answer.page, plan->cost);
    const bool is_whole = plan->query.is_whole_rows();
    answer.page.kind = is_whole ? ItemKind::twin : ItemKind::raw;
    query::Meter meter;
    std::uint64_t give_way_at = slice_steps_max;
    std::size_t bytes = 0;
    const IdentityKey* last = nullptr;
    for (const FoundRow& row : *rows) {
        if (answer.page.items.size() == page_size) {
            answer.place = place_of(*last);
            break;
        }
        if (answer.page.long_twin) {
            answer.place = place_of(*last);
            break;
        }
        std::string item;
        if (is_whole && TwinText::may_be_long(row.document)) {
            TwinText text(row.document, row.live);
            const bool has_more = text.append(item, page_bytes_max + 1);
            meter.steps += item.size() / 16;
            if (has_more && last == nullptr) {
                answer.page.long_twin.emplace(row.document, row.live);
                item.clear();
            }
        } else if (is_whole) {
            append_twin_json(item, row.document, row.live, flavour);
            meter.steps += item.size() / 16;
        } else {
            auto added =
                plan->query.append_projected(item, query::Row(row.document, row.key, row.live), meter);
            if (!added) co_return fail(std::move(added).error());
            if (item.size() > page_bytes_max) co_return fail(row_too_long(row.key));
        }
        if (last != nullptr && bytes + item.size() > page_bytes_max) {
            answer.place = place_of(*last);
            break;
        }
        last = &row.key;
        bytes += item.size();
        if (!answer.page.long_twin) answer.page.items.push_back(std::move(item));
        if (meter.steps < give_way_at) continue;
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        give_way_at = meter.steps + slice_steps_max;
    }
    co_return answer;
}

Task<Result<Queries::Answer>> Queries::list_groups(Plan plan, Position position, std::size_t page_size) {
    const ScanGroups scan{plan};
    auto scanning = port_.ask_all(scan);
    auto gathered = co_await std::move(scanning);
    query::Aggregation all(plan->query);
    for (GatheredGroups& groups : gathered) {
        if (!groups) co_return fail(std::move(groups).error());
        auto merged = all.merge(std::move(**groups));
        if (!merged) co_return fail(std::move(merged).error());
    }
    auto page = all.page(position.place, page_size, page_bytes_max);
    Answer answer;
    set_cost(answer.page, plan->cost);
    answer.page.kind = ItemKind::raw;
    answer.page.items = std::move(page.rows);
    answer.place = std::move(page.position);
    co_return answer;
}

namespace {

/// The states of devices that a condition names, if it can hold for no other.
std::optional<std::vector<DeviceJobStatus>> states_of(const query::Condition& where) {
    const auto texts = where.job_statuses();
    if (!texts) return std::nullopt;
    constexpr auto last = static_cast<int>(DeviceJobStatus::canceled);
    std::vector<DeviceJobStatus> states;
    for (int i = 0; i <= last; ++i) {
        const auto state = static_cast<DeviceJobStatus>(i);
        if (std::find(texts->begin(), texts->end(), device_job_status_text(state)) != texts->end()) {
            states.push_back(state);
        }
    }
    return states;
}

}  // namespace

/// Reads on until the page is full and a row behind it was seen, or nothing follows.
Task<Result<Queries::Answer>> Queries::list_jobs(query::Query query, Position position,
                                                 std::size_t page_size) {
    const auto job_ids = query.where.job_ids();
    const auto device_ids = query.where.device_ids();
    const auto states = states_of(query.where);
    const query::Condition where = query.where;
    auto cost = std::make_shared<ScanCost>();
    const DeviceJobKeep keep = [where, cost](const DeviceJob& job, query::Meter& meter) {
        cost->add(1, ScanCost::Way::rows);
        return where.keeps(query::Row(job), meter);
    };
    Answer answer;
    answer.page.kind = ItemKind::device_job;
    std::string place = std::move(position.place);
    std::size_t bytes = 0;
    std::size_t rows_max = job_rows_max;
    for (int scans = 0; scans < job_scans_max; ++scans) {
        const std::size_t wanted = bytes < page_bytes_max ? page_size - answer.page.items.size() : 0;
        auto found = co_await jobs_.device_jobs(job_ids, device_ids, keep, place,
                                                std::clamp<std::size_t>(wanted, 1, rows_max), states);
        if (!found) co_return fail(std::move(found).error());
        if (wanted == 0 && !found->rows.empty())
            break;  // a row follows the page: `answer.place` is before it
        std::vector<std::string> items;
        std::size_t added = 0;
        for (const DeviceJob& job : found->rows) {
            if (bytes + added >= page_bytes_max) break;
            append_device_job_json(items.emplace_back(), job);
            added += items.back().size();
        }
        if (items.size() < found->rows.size()) {
            // Once more for those that fit, as only the last of a call has a place behind it.
            rows_max = items.size();
            continue;
        }
        bytes += added;
        std::move(items.begin(), items.end(), std::back_inserter(answer.page.items));
        place = std::move(found->position);
        answer.place = place;
        if (place.empty()) break;
    }
    set_cost(answer.page, *cost);
    co_return answer;
}

}  // namespace carillon
