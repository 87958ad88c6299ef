#include "core/events/routing/message_routing.hpp"

#include "base/log.hpp"
#include "base/member_reader.hpp"
#include "base/stored_number.hpp"
#include "base/text.hpp"
#include "core/shard/shards.hpp"
#include "core/shard/telemetry.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <iterator>
#include <utility>

namespace carillon {

namespace {

constexpr std::string_view route_prefix = "route/";
constexpr std::string_view route_end = "route0";  // The prefix with its last byte one higher.
constexpr std::string_view endpoint_prefix = "route-endpoint/";
constexpr std::string_view endpoint_end = "route-endpoint0";
constexpr std::string_view next_log_key = "next-event-log";

std::string route_key(std::string_view name) {
    return std::string(route_prefix) + to_lower(name);
}
std::string endpoint_key(std::string_view name) {
    return std::string(endpoint_prefix) + to_lower(name);
}

Error no_route(std::string_view name) {
    return {Errc::generic_not_found, fmt::format("There is no route '{}'.", name)};
}
Error no_endpoint(std::string_view name) {
    return {Errc::generic_not_found, fmt::format("There is no endpoint '{}'.", name)};
}

/// Puts an item in the place of the one of its name, or behind the others.
template <class Item>
void put_by_name(std::vector<Item>& items, Item item) {
    const auto place = std::find_if(items.begin(), items.end(), [&](const Item& other) {
        return equals_ignoring_case(other.name, item.name);
    });
    if (place != items.end()) {
        *place = std::move(item);
    } else {
        items.push_back(std::move(item));
    }
}

template <class Item>
bool remove_by_name(std::vector<Item>& items, std::string_view name) {
    return std::erase_if(items, [name](const Item& item) { return equals_ignoring_case(item.name, name); }) >
           0;
}

template <class Item>
const Item* find_by_name(const std::vector<Item>& items, std::string_view name) {
    for (const Item& item : items) {
        if (equals_ignoring_case(item.name, name)) return &item;
    }
    return nullptr;
}

Result<JsonDocument> parse_object(std::string_view text) {
    auto document = JsonDocument::parse(text);
    if (document && !document->root().is_object()) {
        return fail(Errc::argument_invalid, "The body must be a JSON object.");
    }
    return document;
}

TelemetryLimits limits_of(const RouteEndpoint& endpoint) {
    return {.bytes_max = static_cast<std::uint64_t>(endpoint.retention_bytes),
            .age_max_s = endpoint.retention_s};
}

/// Names that stand for something else where Event Hubs clients name what they read. `hub` is the hub's own.
bool is_taken_name(std::string_view name, std::string_view hub) {
    const std::string_view taken[] = {hub.substr(0, hub.find('.')), "messages", "devices"};
    return std::any_of(std::begin(taken), std::end(taken),
                       [name](std::string_view one) { return equals_ignoring_case(one, name); });
}

Error broken(std::string_view key, const Error& why) {
    return {Errc::store_corrupt, fmt::format("{}: {}", key, why.detail)};
}

}  // namespace

/// Routes and endpoints while they are changed, and what goes to disk with the change.
struct MessageRouting::Draft {
    std::vector<MessageRoute> routes;
    std::vector<RouteEndpoint> endpoints;
    Batch batch;
    std::string what;  ///< For the log.
    std::string name;
    std::optional<RouteEndpoint> log;     ///< The endpoint whose log is made, or has other limits.
    std::optional<RouteEndpoint> closed;  ///< The one whose log is removed.
    /// Of an endpoint that the change makes.
    std::optional<std::pair<std::string, EndpointPosition>> position;
};

MessageRouting::MessageRouting(Shards& shards, Events& events)
    : shards_(shards), events_(events), table_(std::make_shared<const RoutingTable>()) {}

MessageRouting::~MessageRouting() = default;

void MessageRouting::use(EventDrivers& drivers, std::string hub_name, MakeThread make_thread) {
    drivers_ = &drivers;
    hub_name_ = std::move(hub_name);
    // Events bear the hub's name without its domain, as the service's do.
    const std::string short_name = hub_name_.substr(0, hub_name_.find('.'));
    for (std::size_t i = 0; i < shards_.count(); ++i) shards_[i].telemetry().hub_events().use(short_name);
    make_thread_ = std::move(make_thread);
}

Result<> MessageRouting::load() {
    std::vector<MessageRoute> routes;
    std::vector<RouteEndpoint> endpoints;
    Result<> outcome;
    // Names are told apart by case only in what is shown, so they are read from the value.
    const auto read = [&outcome](std::string_view key, std::string_view value, const auto& keep) {
        const auto document = JsonDocument::parse(value);
        if (!document) {
            outcome = fail(broken(key, document.error()));
            return false;
        }
        auto item = keep(document->root());
        if (!item) outcome = fail(broken(key, item.error()));
        return outcome.has_value();
    };
    const auto read_route = [&](std::string_view key, std::string_view value) {
        return read(key, value, [&](JsonValue body) -> Result<> {
            auto route = MessageRoute::parse(body.find("name").string(), body);
            if (!route) return fail(std::move(route).error());
            routes.push_back(*std::move(route));
            return {};
        });
    };
    const auto read_endpoint = [&](std::string_view key, std::string_view value) {
        return read(key, value, [&](JsonValue body) -> Result<> {
            auto endpoint = RouteEndpoint::parse(body.find("name").string(), body, nullptr);
            if (!endpoint) return fail(std::move(endpoint).error());
            endpoint->log = static_cast<std::uint32_t>(body.find("log").integer().value_or(0));
            endpoint->previous_secret = std::string(body.find("previousSecret").string());
            endpoint->previous_until_s = body.find("previousSecretUntil").integer().value_or(0);
            endpoints.push_back(*std::move(endpoint));
            return {};
        });
    };
    const Store& store = shards_.first().store();
    auto scanned = store.scan(Table::meta, route_prefix, route_end, read_route);
    if (scanned && outcome) scanned = store.scan(Table::meta, endpoint_prefix, endpoint_end, read_endpoint);
    if (!scanned) return scanned;
    if (!outcome) return outcome;
    for (const RouteEndpoint& endpoint : endpoints) {
        const auto stored = store.get(Table::meta, EndpointPosition::key(endpoint.name));
        if (!stored) return fail(stored.error());
        positions_[to_lower(endpoint.name)] =
            EndpointPosition::decode(stored->value_or(std::string()), events_.partition_count());
    }
    if (auto loaded = load_logs(endpoints); !loaded) return loaded;
    auto table = RoutingTable::make(std::move(routes), std::move(endpoints), hub_name_);
    if (!table) return fail(broken("routes", table.error()));
    table_ = *std::move(table);
    set_sources();
    return {};
}

Result<> MessageRouting::load_logs(const std::vector<RouteEndpoint>& endpoints) {
    const auto stored = shards_.first().store().get(Table::meta, std::string(next_log_key));
    if (!stored) return fail(stored.error());
    if (*stored) next_log_ = read_be<std::uint32_t>(**stored);
    auto logs = EventLog::stored_logs(shards_);
    if (!logs) return fail(std::move(logs).error());
    orphans_ = *std::move(logs);
    for (const RouteEndpoint& endpoint : endpoints) {
        if (endpoint.kind != RouteEndpoint::Kind::events) continue;
        if (endpoint.log == EventLog::built_in)
            return fail(broken(endpoint_key(endpoint.name), {Errc::store_corrupt, "its log has no number"}));
        auto opened =
            events_.open_log(endpoint.name, endpoint.log, limits_of(endpoint), Telemetry::LogOrigin::stored);
        if (!opened) return opened;
        std::erase(orphans_, endpoint.log);
    }
    return {};
}

void MessageRouting::start() {
    is_started_ = true;
    for (const std::uint32_t gone : std::exchange(orphans_, {}))
        EventLog::erase(shards_.first().committer().batch(), gone);
    follow_table();
    for (std::size_t i = 0; i < shards_.count(); ++i) {
        Shards::post(shards_[i],
                     [&events = shards_[i].telemetry().hub_events()] { events.tell_of_lost_connections(); });
    }
}

/// Tells the shards which events routes want.
void MessageRouting::set_sources() {
    const EventSources sources = table()->sources();
    for (std::size_t i = 0; i < shards_.count(); ++i)
        shards_[i].telemetry().hub_events().set_sources(sources);
}

/// Gives each endpoint a worker, and retires those of endpoints that are gone.
void MessageRouting::follow_table() {
    if (!is_started_ || drivers_ == nullptr) return;
    // A worker may run at once when it is spawned, and looks at the table.
    for (auto& worker : change_workers()) {
        boost::asio::co_spawn(shards_.first().executor(), EndpointWorker::run(std::move(worker)),
                              boost::asio::detached);
    }
}

/// Gives those that are new.
std::vector<std::shared_ptr<EndpointWorker>> MessageRouting::change_workers() {
    const std::lock_guard lock(mutex_);
    std::erase_if(retired_, [](const auto& worker) { return worker->has_ended(); });
    for (auto place = workers_.begin(); place != workers_.end();) {
        if (table_->find_target(place->first) != nullptr) {
            place->second->look();
            ++place;
            continue;
        }
        place->second->stop();
        retired_.push_back(std::move(place->second));
        place = workers_.erase(place);
    }
    std::vector<std::shared_ptr<EndpointWorker>> made;
    for (const RoutingTable::Target& target : table_->targets()) {
        const std::string name = to_lower(target.endpoint.name);
        if (workers_.contains(name)) continue;
        EndpointPosition position = std::move(positions_[name]);
        position.next.resize(events_.partition_count());
        positions_.erase(name);
        made.push_back(std::make_shared<EndpointWorker>(shards_, events_, *drivers_, make_thread_(),
                                                        target.endpoint.name, std::move(position),
                                                        [this] { return table(); }));
        workers_.emplace(name, made.back());
    }
    return made;
}

Task<> MessageRouting::stop() {
    auto stopping = stop_there();
    co_await shards_.on(shards_.first(), std::move(stopping));
}

Task<> MessageRouting::stop_there() {
    is_started_ = false;
    std::vector<std::shared_ptr<EndpointWorker>> workers;
    {
        const std::lock_guard lock(mutex_);
        workers = retired_;
        for (const auto& [name, worker] : workers_) workers.push_back(worker);
    }
    for (const auto& worker : workers) worker->stop();
    for (const auto& worker : workers) co_await worker->end();
}

std::shared_ptr<const RoutingTable> MessageRouting::table() const {
    const std::lock_guard lock(mutex_);
    return table_;
}

std::optional<EndpointStatus> MessageRouting::status(std::string_view endpoint) const {
    const std::lock_guard lock(mutex_);
    const auto worker = workers_.find(to_lower(endpoint));
    if (worker == workers_.end()) return std::nullopt;
    return worker->second->status();
}

Task<Result<>> MessageRouting::change_there(std::function<Result<>(Draft&)> make) {
    if (drivers_ == nullptr) co_return fail(Errc::feature_not_supported, "This hub routes no messages.");
    while (is_changing_) (void)co_await shards_.first().committer().durable();
    is_changing_ = true;
    Draft draft;
    for (const auto& rule : table()->rules()) draft.routes.push_back(rule.route);
    for (const auto& target : table()->targets()) draft.endpoints.push_back(target.endpoint);
    auto made = make(draft);
    auto next = made ? RoutingTable::make(draft.routes, draft.endpoints, hub_name_)
                     : Result<std::shared_ptr<const RoutingTable>>(fail(made.error()));
    if (!next) {
        is_changing_ = false;
        co_return fail(std::move(next).error());
    }
    auto& committer = shards_.first().committer();
    committer.batch().append(std::move(draft.batch));
    const auto saved = co_await committer.durable();
    is_changing_ = false;
    if (!saved) co_return fail(unavailable(saved.error()));
    {
        const std::lock_guard lock(mutex_);
        table_ = *std::move(next);
        if (draft.position) {
            positions_.insert_or_assign(to_lower(draft.position->first), std::move(draft.position->second));
        }
    }
    log.info("routing changed what={} name={}", draft.what, draft.name);
    follow_logs(draft);
    set_sources();
    follow_table();
    co_return Result<>{};
}

/// Opens the log of an endpoint that was made, and removes that of one that is gone.
void MessageRouting::follow_logs(const Draft& draft) {
    if (draft.log) {
        // Nothing is read from the store, so nothing can fail.
        static_cast<void>(events_.open_log(draft.log->name, draft.log->log, limits_of(*draft.log),
                                           Telemetry::LogOrigin::made));
        next_log_ = std::max(next_log_, draft.log->log + 1);
    }
    if (!draft.closed) return;
    // Its worker can put nothing more there. If this is not written, the next start removes it.
    events_.close_log(draft.closed->name);
    EventLog::erase(shards_.first().committer().batch(), draft.closed->log);
}

/// Numbers the log of an endpoint that is new. Fails with `argument_invalid`, `iot_hub_quota_exceeded`.
Result<> MessageRouting::stage_log(Draft& draft, RouteEndpoint& endpoint) const {
    if (endpoint.kind != RouteEndpoint::Kind::events) return {};
    if (endpoint.log == 0) {
        if (is_taken_name(endpoint.name, hub_name_)) {
            return fail(Errc::argument_invalid,
                        fmt::format("An endpoint of events cannot be called '{}': readers know something "
                                    "else by this name.",
                                    endpoint.name));
        }
        if (next_log_ > EventLog::number_max) {
            return fail(
                Errc::iot_hub_quota_exceeded,
                fmt::format("A hub makes at most {} endpoints of events in its life.", EventLog::number_max));
        }
        endpoint.log = next_log_;
        std::string next;
        append_be(next, endpoint.log + 1);
        draft.batch.put(Table::meta, std::string(next_log_key), std::move(next));
    }
    draft.log = endpoint;
    return {};
}

Task<Result<>> MessageRouting::change(std::function<Result<>(Draft&)> make) {
    auto changing = change_there(std::move(make));
    co_return co_await shards_.on(shards_.first(), std::move(changing));
}

Task<Result<>> MessageRouting::put_route(std::string name, std::string body) {
    return change([route_name = std::move(name), text = std::move(body)](Draft& draft) -> Result<> {
        const auto document = parse_object(text);
        if (!document) return fail(document.error());
        auto route = MessageRoute::parse(route_name, document->root());
        if (!route) return fail(std::move(route).error());
        std::string stored;
        JsonWriter json(stored);
        append_message_route_json(json, *route);
        draft.batch.put(Table::meta, route_key(route->name), std::move(stored));
        draft.what = "route";
        draft.name = route->name;
        put_by_name(draft.routes, *std::move(route));
        return {};
    });
}

Task<Result<>> MessageRouting::remove_route(std::string name) {
    return change([route_name = std::move(name)](Draft& draft) -> Result<> {
        if (!remove_by_name(draft.routes, route_name)) return fail(no_route(route_name));
        draft.batch.erase(Table::meta, route_key(route_name));
        draft.what = "route removed";
        draft.name = route_name;
        return {};
    });
}

std::vector<std::uint64_t> MessageRouting::first_positions(bool from_earliest) const {
    std::vector<std::uint64_t> positions(events_.partition_count());
    for (std::uint32_t number = 0; number < positions.size(); ++number) {
        const auto extent = events_.extent(number);
        if (extent) positions[number] = from_earliest ? extent->first : extent->next;
    }
    return positions;
}

Task<Result<>> MessageRouting::put_endpoint(std::string name, std::string body) {
    return change([this, endpoint_name = std::move(name), text = std::move(body)](Draft& draft) -> Result<> {
        const auto document = parse_object(text);
        if (!document) return fail(document.error());
        const RouteEndpoint* const before = find_by_name(draft.endpoints, endpoint_name);
        auto endpoint = RouteEndpoint::parse(endpoint_name, document->root(), before);
        if (!endpoint) return fail(std::move(endpoint).error());
        const auto now_s = shards_.first().clock().wall_now().unix_s();
        if (!endpoint->previous_secret.empty() && endpoint->previous_until_s == 0)
            endpoint->previous_until_s = now_s + RouteEndpoint::rotation_s;
        if (endpoint->previous_until_s <= now_s) endpoint->previous_secret.clear();
        MemberReader members(document->root());
        const std::string_view start = members.text("start").value_or("latest");
        if (start != "latest" && start != "earliest") members.refuse("start takes latest or earliest");
        if (!members.ok()) return members.error();
        const bool is_log = endpoint->kind == RouteEndpoint::Kind::events;
        if (auto good = is_log ? stage_log(draft, *endpoint) : drivers_->check(*endpoint); !good) return good;
        std::string stored;
        JsonWriter json(stored);
        json.begin_object();
        append_endpoint_members(json, *endpoint, RouteSecrets::written);
        json.end_object();
        draft.batch.put(Table::meta, endpoint_key(endpoint->name), std::move(stored));
        if (before == nullptr) {
            const bool is_earliest = start == "earliest";
            EndpointPosition position{first_positions(is_earliest), is_earliest};
            draft.batch.put(Table::meta, EndpointPosition::key(endpoint->name), position.encoded());
            draft.position.emplace(endpoint->name, std::move(position));
        }
        draft.what = "endpoint";
        draft.name = endpoint->name;
        put_by_name(draft.endpoints, *std::move(endpoint));
        return {};
    });
}

Task<Result<>> MessageRouting::remove_endpoint(std::string name) {
    return change([endpoint_name = std::move(name)](Draft& draft) -> Result<> {
        for (const MessageRoute& route : draft.routes) {
            for (const std::string& led_to : route.endpoints) {
                if (!equals_ignoring_case(led_to, endpoint_name)) continue;
                return fail(
                    Errc::operation_not_allowed_in_current_state,
                    fmt::format("The route '{}' leads to the endpoint '{}'.", route.name, endpoint_name));
            }
        }
        const RouteEndpoint* const gone = find_by_name(draft.endpoints, endpoint_name);
        if (gone != nullptr && gone->kind == RouteEndpoint::Kind::events) draft.closed = *gone;
        if (!remove_by_name(draft.endpoints, endpoint_name)) return fail(no_endpoint(endpoint_name));
        draft.batch.erase(Table::meta, endpoint_key(endpoint_name));
        draft.batch.erase(Table::meta, EndpointPosition::key(endpoint_name));
        draft.what = "endpoint removed";
        draft.name = endpoint_name;
        return {};
    });
}

}  // namespace carillon
