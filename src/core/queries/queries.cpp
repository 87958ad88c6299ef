#include "core/queries/queries.hpp"

#include "base/await.hpp"
#include "base/text.hpp"
#include "core/jobs/jobs.hpp"
#include "core/scan/query_scan.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

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

/// Runs a task on each shard's thread at the same time, and resumes here when all have ended.
template <class T>
Task<std::vector<T>> on_all(Hub& hub, std::vector<Task<T>> tasks) {
    struct Gathering {
        std::vector<T> results;
        std::vector<std::exception_ptr> errors;
        std::atomic<std::size_t> left;
        UniqueFunction<void(bool)> done;
    };
    const auto here = co_await boost::asio::this_coro::executor;
    auto gathering = std::make_shared<Gathering>();
    gathering->results.resize(tasks.size());
    gathering->errors.resize(tasks.size());
    gathering->left = tasks.size();
    auto start = [&](UniqueFunction<void(bool)> done) {
        gathering->done = std::move(done);
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            auto ended = [gathering, here, i](std::exception_ptr error, T result) {
                gathering->errors[i] = std::move(error);
                gathering->results[i] = std::move(result);
                if (gathering->left.fetch_sub(1) > 1) return;
                boost::asio::post(here, [gathering] { gathering->done(true); });
            };
            boost::asio::co_spawn(hub.shard(i).executor(), std::move(tasks[i]), std::move(ended));
        }
    };
    co_await from_callback<bool>(start);
    for (const std::exception_ptr& error : gathering->errors) {
        if (error) std::rethrow_exception(error);
    }
    co_return std::move(gathering->results);
}

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

std::size_t rows_wanted(std::optional<std::uint64_t> remaining, std::size_t page_size) {
    return remaining ? static_cast<std::size_t>(std::min<std::uint64_t>(*remaining, page_size)) : page_size;
}

}  // namespace

Queries::Queries(Hub& hub, std::string token_key, query::QueryOptions options)
    : hub_(hub), token_key_(std::move(token_key)), options_(options) {}

Task<Result<QueryPage>> Queries::run(QueryRequest request) {
    auto query = query::parse_query(request.statement, options_);
    if (!query) co_return fail(std::move(query).error());
    const std::string purpose =
        (request.flavour == Flavour::preview ? "preview\n" : "ga\n") + request.statement;
    Position position;
    position.remaining = query->top;
    if (!request.continuation.empty()) {
        auto opened = open(purpose, request.continuation);
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
    } else if (query->is_aggregated()) {
        task = list_groups(*std::move(query), std::move(position), rows_max);
    } else {
        task = list_rows(*std::move(query), std::move(position), rows_max, request.flavour);
    }
    auto answer = co_await std::move(task);
    if (!answer) co_return fail(std::move(answer).error());
    QueryPage page = std::move(answer->page);
    const bool is_top_reached = remaining && page.items.size() >= *remaining;
    if (!answer->place.empty() && !is_top_reached) {
        std::string next = remaining ? std::to_string(*remaining - page.items.size()) : std::string();
        next += '\n';
        next += answer->place;
        page.continuation = seal(purpose, next);
    }
    co_return page;
}

/// Each shard gives its first rows behind the last key; the page is the smallest keys of all. One
/// row more than the page tells whether anything follows.
Task<Result<Queries::Answer>> Queries::list_rows(query::Query query, Position position, std::size_t page_size,
                                                 Flavour flavour) {
    auto plan = std::make_shared<const ScanPlan>(std::move(query));
    const auto after = key_at(position.place);
    std::vector<Task<std::vector<FoundRow>>> tasks;
    for (std::size_t i = 0; i < hub_.shard_count(); ++i) {
        tasks.push_back(scan_rows(hub_.shard(i), plan, after, page_size + 1));
    }
    auto found = co_await on_all(hub_, std::move(tasks));
    std::vector<const FoundRow*> rows;
    for (const auto& of_shard : found) {
        for (const FoundRow& row : of_shard) rows.push_back(&row);
    }
    std::sort(rows.begin(), rows.end(), [](const FoundRow* a, const FoundRow* b) { return a->key < b->key; });
    const bool has_more = rows.size() > page_size;
    if (has_more) rows.resize(page_size);
    Answer answer;
    const bool is_whole = plan->query.is_whole_rows();
    answer.page.kind = is_whole ? ItemKind::twin : ItemKind::raw;
    for (const FoundRow* row : rows) {
        std::string& item = answer.page.items.emplace_back();
        if (is_whole) {
            append_twin_json(item, row->document, row->live, flavour);
        } else {
            plan->query.append_projected(item, query::Row(row->document, row->key, row->live));
        }
    }
    if (has_more) answer.place = place_of(rows.back()->key);
    co_return answer;
}

Task<Result<Queries::Answer>> Queries::list_groups(query::Query query, Position position,
                                                   std::size_t page_size) {
    auto plan = std::make_shared<const ScanPlan>(std::move(query));
    std::vector<Task<GatheredGroups>> tasks;
    for (std::size_t i = 0; i < hub_.shard_count(); ++i) tasks.push_back(scan_groups(hub_.shard(i), plan));
    auto gathered = co_await on_all(hub_, std::move(tasks));
    query::Aggregation all(plan->query);
    for (GatheredGroups& groups : gathered) {
        if (!groups) co_return fail(std::move(groups).error());
        auto merged = all.merge(std::move(**groups));
        if (!merged) co_return fail(std::move(merged).error());
    }
    auto page = all.page(position.place, page_size);
    Answer answer;
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
    const std::function<bool(const DeviceJob&)> keep = [where](const DeviceJob& job) {
        return where.keeps(query::Row(job));
    };
    Answer answer;
    answer.page.kind = ItemKind::device_job;
    std::string place = std::move(position.place);
    for (int scans = 0; scans < job_scans_max; ++scans) {
        const std::size_t wanted = page_size - answer.page.items.size();
        auto found = co_await hub_.jobs().device_jobs(job_ids, device_ids, keep, place,
                                                      std::max<std::size_t>(wanted, 1), states);
        if (!found) co_return fail(std::move(found).error());
        if (wanted == 0 && !found->rows.empty())
            break;  // a row follows the page: `answer.place` is before it
        for (const DeviceJob& job : found->rows)
            append_device_job_json(answer.page.items.emplace_back(), job);
        place = std::move(found->position);
        answer.place = place;
        if (place.empty()) break;
    }
    co_return answer;
}

// --- tokens ------------------------------------------------------------------------------------

namespace {

constexpr char token_version = 1;
/// Half an HMAC-SHA256, which RFC 2104 §5 allows.
constexpr std::size_t mac_bytes = 16;

std::string mac_of(std::string_view key, std::string_view purpose, std::string_view position) {
    // In two steps, so that no purpose and position read as another pair.
    const std::string bound_key = hmac_sha256(key, purpose);
    return hmac_sha256(bound_key, position).substr(0, mac_bytes);
}

}  // namespace

std::string Queries::seal(std::string_view purpose, std::string_view position) const {
    std::string bytes(1, token_version);
    bytes += mac_of(token_key_, purpose, position);
    bytes += position;
    std::string token = base64_encode(bytes);
    std::replace(token.begin(), token.end(), '+', '-');
    std::replace(token.begin(), token.end(), '/', '_');
    while (token.ends_with('=')) token.pop_back();
    return token;
}

Result<std::string> Queries::open(std::string_view purpose, std::string_view token) const {
    auto refuse = [] {
        return fail(Errc::argument_invalid, "Continuation token is not valid for this query");
    };
    constexpr std::string_view foreign = "+/=";
    if (token.size() > token_bytes_max || token.find_first_of(foreign) != std::string_view::npos)
        return refuse();
    std::string text(token);
    std::replace(text.begin(), text.end(), '-', '+');
    std::replace(text.begin(), text.end(), '_', '/');
    const auto bytes = base64_decode(text);
    if (!bytes || bytes->size() < 1 + mac_bytes || bytes->front() != token_version) return refuse();
    const std::string_view mac = std::string_view(*bytes).substr(1, mac_bytes);
    const std::string_view position = std::string_view(*bytes).substr(1 + mac_bytes);
    if (!equals_in_constant_time(mac, mac_of(token_key_, purpose, position))) return refuse();
    return std::string(position);
}

}  // namespace carillon
