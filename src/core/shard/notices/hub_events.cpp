#include "core/shard/notices/hub_events.hpp"

#include "base/text.hpp"
#include "core/shard/shard.hpp"
#include "core/shard/telemetry.hpp"
#include "model/changes/twin_change_json.hpp"

#include <fmt/core.h>
#include <boost/asio/post.hpp>

namespace carillon {

namespace {

constexpr std::size_t lost_in_a_turn_max = 256;

/// What `IdentityKey::path` has written.
Result<IdentityKey> parse_path(std::string_view path) {
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) return IdentityKey::parse(path);
    return IdentityKey::parse(path.substr(0, slash), path.substr(slash + 1));
}

void name_device(Message& message, const IdentityKey& key) {
    message.device_id = key.device.str();
    message.module_id = key.module;
    message.properties.emplace_back("deviceId", message.device_id);
    if (key.is_module()) message.properties.emplace_back("moduleId", key.module);
}

}  // namespace

HubEvents::HubEvents(Shard& shard, Telemetry& telemetry) : shard_(shard), telemetry_(telemetry) {}

std::string HubEvents::connected_prefix() const {
    return fmt::format("connected/{}/", shard_.number());
}

Result<> HubEvents::load() {
    const std::string prefix = connected_prefix();
    std::string end = prefix;
    ++end.back();
    return shard_.store().scan(Table::meta, prefix, end, [&](std::string_view key, std::string_view) {
        lost_.emplace(key.substr(prefix.size()));
        return true;
    });
}

void HubEvents::tell_of_lost_connections() {
    for (std::size_t i = 0; i < lost_in_a_turn_max && !lost_.empty(); ++i) {
        const auto path = lost_.extract(lost_.begin());
        if (const auto key = parse_path(path.value())) put_disconnected(*key);
    }
    if (lost_.empty()) return;
    boost::asio::post(shard_.background(), [this] { tell_of_lost_connections(); });
}

void HubEvents::document_changes(const Record& record, const Document* before, const Document* after) {
    const bool is_replaced = std::exchange(is_replaced_, false);
    if (before == nullptr || after == nullptr) {
        if (!takes(EventSource::device_lifecycle) || before == after) return;
        const Document& document = after != nullptr ? *after : *before;
        const auto operation = after != nullptr ? "createDeviceIdentity" : "deleteDeviceIdentity";
        return put(record.key, {EventSource::device_lifecycle, "deviceLifecycleNotification", operation,
                                whole_twin_json(record.key, document.twin)});
    }
    // A document is also written for its identity, and anew by the folder of the twin log.
    if (!takes(EventSource::twin_changes) || before->twin.version == after->twin.version) return;
    put(record.key,
        {EventSource::twin_changes, "twinChangeNotification", is_replaced ? "replaceTwin" : "updateTwin",
         is_replaced ? whole_twin_json(record.key, after->twin)
                     : twin_update_json(before->twin, after->twin)});
}

void HubEvents::connected(const Record& record) {
    // That its earlier connection is over is told first.
    if (const auto lost = lost_.find(record.key.path()); lost != lost_.end()) {
        lost_.erase(lost);
        put_disconnected(record.key);
    }
    if (takes(EventSource::connection_state)) put_connected(record.key);
}

void HubEvents::disconnected(const Record& record) {
    if (takes(EventSource::connection_state) || connected_.contains(record.key.path())) {
        put_disconnected(record.key);
    }
}

void HubEvents::put_connected(const IdentityKey& key) {
    put_connection(key, "deviceConnected");
    connected_.insert(key.path());
    shard_.committer().batch().put(Table::meta, connected_prefix() + key.path(), {});
}

/// Nobody is told where no route wants it any more.
void HubEvents::put_disconnected(const IdentityKey& key) {
    if (takes(EventSource::connection_state)) put_connection(key, "deviceDisconnected");
    connected_.erase(key.path());
    shard_.committer().batch().erase(Table::meta, connected_prefix() + key.path());
}

/// Sequence numbers of the log rise strictly for each device, also over restarts and with a clock that is put
/// back, so they serve as those of connections: 256 bits in hexadecimal, which compare as text.
void HubEvents::put_connection(const IdentityKey& key, std::string_view operation) {
    put(key, {EventSource::connection_state, "deviceConnectionStateNotification", operation,
              fmt::format(R"({{"sequenceNumber":"{:064X}"}})", telemetry_.next_sequence(key.device))});
}

void HubEvents::job_happens(const std::optional<IdentityKey>& device, std::string_view operation, OfJob job,
                            std::string body) {
    Message message =
        make({EventSource::job_lifecycle, "deviceJobLifecycleNotification", operation, std::move(body)});
    const auto add = [&message](std::string_view name, std::string_view value) {
        message.properties.emplace_back(name, std::string(value));
    };
    add("jobId", job.id);
    add("jobType", job.type);
    if (!device) return telemetry_.put(std::move(message));
    name_device(message, *device);
    telemetry_.put(device->device, std::move(message));
}

void HubEvents::put(const IdentityKey& key, Notice notice) {
    Message message = make(std::move(notice));
    name_device(message, key);
    telemetry_.put(key.device, std::move(message));
}

/// The event but for its device.
Message HubEvents::make(Notice notice) const {
    Message message;
    message.system = {{"iothub-message-source", std::string(message_source_text(notice.source))},
                      {"content-type", "application/json"},
                      {"content-encoding", "utf-8"},
                      {"correlation-id", fmt::format("{:x}", shard_.random().u64())},
                      {"user-id", hub_name_}};
    const auto add = [&message](std::string_view name, std::string_view value) {
        message.properties.emplace_back(name, std::string(value));
    };
    add("hubName", hub_name_);
    add("operationTimestamp", to_iso8601(shard_.clock().wall_now()));
    add("iothub-message-schema", notice.schema);
    add("opType", notice.operation);
    message.body = std::move(notice.body);
    return message;
}

}  // namespace carillon
