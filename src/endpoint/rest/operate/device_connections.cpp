// The history of a device's connections: of our own making, so under /carillon/. Page:
// docs/troubleshooting.md.

#include "base/text.hpp"
#include "endpoint/rest/operate/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/web/web_dashboard.hpp"

namespace carillon::rest {

namespace {

using device::ConnectionEvent;
using device::ConnectionLog;

/// What is known of the connections of an identity, the newest first.
struct History {
    bool is_connected = false;
    std::vector<ConnectionEvent> events;
    std::optional<WallTime> forgotten_until;
};

Task<Result<History>> look(Shard* shard, const ConnectionLog* log, IdentityKey key) {
    const Record* const record = shard->directory().find(key);
    if (record == nullptr || !record->exists()) co_return fail(shard->missing(key));
    History history;
    history.is_connected = record->link != nullptr;
    history.events = log->of(record->ordinal);
    history.forgotten_until = log->forgotten_until();
    co_return history;
}

std::string_view kind_text(ConnectionEvent::Kind kind) {
    switch (kind) {
        case ConnectionEvent::Kind::connected:
            return "connected";
        case ConnectionEvent::Kind::disconnected:
            return "disconnected";
        case ConnectionEvent::Kind::refused:
            break;
    }
    return "refused";
}

void append_event(JsonWriter& out, const ConnectionEvent& event) {
    out.begin_object().member("time", to_iso8601(event.time)).member("event", kind_text(event.kind));
    if (!event.protocol.empty()) out.member("protocol", event.protocol);
    if (event.peer.size > 0) out.member("peer", event.peer.text());
    if (!event.reason.empty()) out.member("reason", event.reason);
    out.end_object();
}

}  // namespace

Task<Result<HttpResponse>> list_device_connections(Request& request) {
    auto key = request.device_key();
    if (const auto module = request.parameter("moduleId"); module && key) {
        key = IdentityKey::parse(request.ids[0], *module);
    }
    if (!key) co_return fail(std::move(key).error());
    if (request.web == nullptr)
        co_return fail(Errc::feature_not_supported, "This hub does not record connections.");
    Shards& shards = request.hub.shards();
    Shard& owner = shards.owner(key->device);
    const ConnectionLog* const log = &request.web->connections.of(owner);
    auto there = look(&owner, log, *std::move(key));
    auto looking = shards.on(owner, std::move(there));
    const auto history = co_await std::move(looking);
    if (!history) co_return fail(history.error());
    std::string body;
    JsonWriter out(body);
    out.begin_object().member("isConnected", history->is_connected);
    if (history->forgotten_until) out.member("forgottenUntil", to_iso8601(*history->forgotten_until));
    out.key("events").begin_array();
    for (const ConnectionEvent& event : history->events) append_event(out, event);
    out.end_array().end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
