#include "endpoint/amqp/hosted_device.hpp"

#include "base/log.hpp"
#include "endpoint/amqp/device_links.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/queue_feed.hpp"
#include "endpoint/device/twin_errors.hpp"

#include <algorithm>
#include <utility>

namespace carillon::amqp {

namespace {

/// How azure-iot-sdk-c calls itself; its programs take `null` for a payload.
/// Source: azure-iot-sdk-c: iothub_client_private.h, CLIENT_DEVICE_TYPE_PREFIX.
bool is_c_client(std::string_view version) {
    return version.starts_with("iothubclient/") || version.starts_with("azsdk-c/");
}

}  // namespace

HostedDevice::HostedDevice(HubConnection& connection, const IdentityKey& key)
    : connection_(connection), key_(key), proxy_(std::make_shared<DeviceProxy>(connection, key)) {}

HostedDevice::~HostedDevice() {
    proxy_->leave();
}

LinkId* HostedDevice::slot(LinkKind kind) {
    switch (kind) {
        case LinkKind::devicebound:
            return &links_.devicebound;
        case LinkKind::module_inputs:
            return &links_.module_inputs;
        case LinkKind::method_requests:
            return &links_.method_requests;
        case LinkKind::method_responses:
            return &links_.method_responses;
        case LinkKind::twin_requests:
            return &links_.twin_requests;
        case LinkKind::twin_responses:
            return &links_.twin_responses;
        default:
            return nullptr;
    }
}

// --- links -----------------------------------------------------------------------------------------

void HostedDevice::open(Asked asked) {
    if (is_ended_) return connection_.refuse(asked.id, {Errc::service_unavailable, "The device is leaving."});
    if (is_connected_) return accept(asked);
    asked_ = std::move(asked);
    if (is_connecting_) return;
    is_connecting_ = true;
    DeviceProxy::Login login;
    login.tokens = connection_.authenticator().wallet().find(key_);
    if (const PeerCertificate* certificate = connection_.channel().peer_certificate()) {
        login.certificate = *certificate;
    }
    login.model_id = asked_->model_id;
    login.peer = connection_.peer_address();
    proxy_->connect(std::move(login));
}

void HostedDevice::connected(const Result<>& result, Duration wait, KeyTag key,
                             std::optional<WallTime> token_end) {
    is_connecting_ = false;
    const std::string path = key_.path();
    if (result) {
        log.debug("amqp device connected device={} peer={}", path, connection_.peer_address());
        is_connected_ = true;
        token_end_ = token_end;
        connection_.authenticated(key);
        if (!asked_) return;
        const Asked asked = *std::exchange(asked_, std::nullopt);
        return accept(asked);
    }
    log.debug("amqp device refused device={} peer={} code={} why=\"{}\"", path, connection_.peer_address(),
              errc_name(result.error().code), result.error().detail);
    // A stranger does not learn which ids there are.
    const bool is_told = result.error().code != Errc::iot_hub_unauthorized;
    const Error error = is_told ? result.error() : Error{Errc::iot_hub_unauthorized_access, "Unauthorized."};
    const LinkId link = asked_ ? asked_->id : 0;
    auto refuse = [key = key_, link, error](HubConnection& connection) {
        connection.refuse(link, error);
        // A client that asks for all its links at once has asked for the next one by now.
        HostedDevice* device = connection.hosted(key);
        const bool is_idle = device != nullptr && device->all_links_.empty() && !device->is_connecting_;
        if (is_idle) connection.retire(*device);
    };
    if (wait == Duration::zero()) return refuse(connection_);
    // Others on the connection need not wait for it. Too many at once hold it up, so that guesses stay slow.
    static_cast<void>(connection_.wire().postpone_link(link));
    connection_.after(wait, std::move(refuse));
}

void HostedDevice::accept(const Asked& asked) {
    const LinkId* known = slot(asked.kind);
    if (known != nullptr && *known != 0) {
        const Error error{Errc::operation_not_allowed_in_current_state,
                          "The connection has a link of this kind already."};
        return connection_.refuse(asked.id, error);
    }
    is_c_client_ = is_c_client_ || is_c_client(asked.client_version);
    auto handler = make_device_link(connection_, *this, asked.kind, asked.id);
    connection_.accept(asked.id, std::move(handler), device_link_credit);
    // What waited for it goes out behind the answer to the attach.
    if (asked.kind == LinkKind::twin_responses) {
        for (const std::string& answer : std::exchange(early_answers_, {})) send_twin(answer);
    }
}

void HostedDevice::attached(LinkKind kind, LinkId link) {
    all_links_.push_back(link);
    if (LinkId* known = slot(kind)) *known = link;
    update_methods();
}

void HostedDevice::detached(LinkKind kind, LinkId link) {
    if (LinkId* known = slot(kind)) *known = 0;
    update_methods();
    if (kind == LinkKind::twin_responses) proxy_->take_desired(false, std::nullopt);
    if (kind == LinkKind::devicebound) give_cloud_messages_back(CloudLane::messages);
    if (kind == LinkKind::module_inputs) give_cloud_messages_back(CloudLane::inputs);
    std::erase(all_links_, link);
    if (all_links_.empty() && !is_connecting_ && !asked_) connection_.retire(*this);  // Destroys this.
}

/// A device takes methods when requests can go out and answers come back.
void HostedDevice::update_methods() {
    const bool takes = links_.method_requests != 0 && links_.method_responses != 0;
    if (std::exchange(takes_methods_, takes) != takes) proxy_->take_methods(takes);
}

// --- its end ---------------------------------------------------------------------------------------

void HostedDevice::end(const Error& why) {
    // Handlers go at the end of the outermost call, and this with the last of them.
    is_ended_ = true;
    for (const LinkId link : std::vector<LinkId>(all_links_)) connection_.detach(link, why);
}

void HostedDevice::closed(Errc reason) {
    switch (reason) {
        case Errc::connection_forcefully_closed:
            return end({reason, "A newer connection of the device took its place."});
        case Errc::device_not_found:
            return end({reason, key_.path()});
        case Errc::device_disabled:
            return end({reason, "The device is disabled."});
        case Errc::throttling_exception:
            return end({reason, "The device does not take what it is sent."});
        default:
            return end({Errc::iot_hub_unauthorized_access, "The credentials are not valid any more."});
    }
}

void HostedDevice::token_ended() {
    token_end_.reset();
    std::vector<std::string> tokens = connection_.authenticator().wallet().find(key_);
    if (tokens.empty()) return end({Errc::iot_hub_unauthorized_access, "The token has expired."});
    proxy_->renew(std::move(tokens));
}

void HostedDevice::renewed(const Result<>& result, KeyTag key, std::optional<WallTime> token_end) {
    if (!result) return end({Errc::iot_hub_unauthorized_access, "The token has expired."});
    token_end_ = token_end;
    connection_.authenticated(key);
}

// --- twins -----------------------------------------------------------------------------------------

void HostedDevice::ask_twin(const Receipt& receipt, TwinRequest request) {
    std::string correlation_id(as_text(request.correlation_id.encoded));
    switch (request.operation) {
        case TwinOperation::get:
            return proxy_->get_twin(receipt, std::move(correlation_id));
        case TwinOperation::patch_reported:
            if (request.has_version && !request.version) {
                return refuse_twin(receipt, correlation_id,
                                   {Errc::argument_invalid, "The version is not a number."});
            }
            return proxy_->report(receipt, std::move(correlation_id), std::move(request.body),
                                  request.version);
        case TwinOperation::subscribe_desired:
        case TwinOperation::unsubscribe_desired:
            return proxy_->take_desired(request.operation == TwinOperation::subscribe_desired,
                                        std::pair(receipt, std::move(correlation_id)));
    }
}

void HostedDevice::answer_twin(const Receipt& receipt, std::string_view correlation_id, int status,
                               std::optional<std::int64_t> version, std::string_view body) {
    connection_.dispose(receipt, {});
    std::string message;
    append_twin_response(message, encoded_value(as_bytes(correlation_id)), status, version, body);
    if (links_.twin_responses != 0) return send_twin(message);
    if (early_answers_.size() == early_answers_max) early_answers_.pop_front();
    early_answers_.push_back(std::move(message));
}

void HostedDevice::refuse_twin(const Receipt& receipt, std::string_view correlation_id, const Error& error) {
    const device::TwinFailure failure =
        device::twin_failure(error, connection_.wall_now(), connection_.random());
    answer_twin(receipt, correlation_id, failure.status, std::nullopt, failure.body);
}

/// A device that does not take what it asked for loses the link, and asks anew.
void HostedDevice::send_twin(std::string_view message) {
    if (connection_.send(links_.twin_responses, true, as_bytes(message))) return;
    connection_.detach(links_.twin_responses,
                       Error{Errc::throttling_exception, "The device does not take what it is sent."});
}

void HostedDevice::send_desired(std::int64_t version, std::string_view body) {
    if (links_.twin_responses == 0) return;
    std::string message;
    append_desired_notification(message, version, body);
    send_twin(message);
}

// --- cloud-to-device messages ----------------------------------------------------------------------

void HostedDevice::cloud_credit_changed(CloudLane lane) {
    const LinkId link = lane_link(lane);
    std::optional<std::uint32_t> credit;
    if (link != 0) credit = connection_.wire().credit(link);
    proxy_->set_cloud_room(lane, credit, cloud_seen_[static_cast<std::size_t>(lane)]);
}

void HostedDevice::send_cloud_message(CloudLane lane, const LockToken& lock, std::string_view message) {
    ++cloud_seen_[static_cast<std::size_t>(lane)];
    const std::uint64_t cookie = ++last_given_;
    Disposal nobody_waits;
    nobody_waits.settled = true;
    const LinkId link = lane_link(lane);
    if (link == 0) return proxy_->settle_cloud_message(lock, Settlement::abandon, nobody_waits);
    given_.emplace(cookie, Given{lock, lane});
    Outgoing outgoing;
    outgoing.tag = lock;
    outgoing.cookie = cookie;
    if (connection_.wire().send(link, outgoing, as_bytes(message))) return cloud_credit_changed(lane);
    connection_.detach(link, Error{Errc::message_too_large, "The device takes no message of this size."});
}

void HostedDevice::cloud_message_disposed(const Disposal& disposal) {
    const auto found = given_.find(disposal.cookie);
    if (found == given_.end()) return;
    const LockToken lock = found->second.lock;
    given_.erase(found);
    proxy_->settle_cloud_message(lock, settlement_of(disposal.state), disposal);
}

void HostedDevice::give_cloud_messages_back(CloudLane lane) {
    Disposal nobody_waits;
    nobody_waits.settled = true;
    proxy_->set_cloud_room(lane, std::nullopt, cloud_seen_[static_cast<std::size_t>(lane)]);
    std::erase_if(given_, [&](const auto& entry) {
        if (entry.second.lane != lane) return false;
        proxy_->settle_cloud_message(entry.second.lock, Settlement::abandon, nobody_waits);
        return true;
    });
}

// --- methods ---------------------------------------------------------------------------------------

/// One that cannot be sent is as one that the device does not answer.
void HostedDevice::send_method(std::uint16_t request_id, std::string_view name, std::string_view payload) {
    if (links_.method_requests == 0) return;
    std::string message;
    append_method_request(message, request_id, name,
                          is_c_client_ && payload == "null" ? std::string_view() : payload);
    if (!connection_.send(links_.method_requests, true, as_bytes(message))) {
        log.debug("amqp method not sent device={} peer={}", key_.path(), connection_.peer_address());
    }
}

}  // namespace carillon::amqp
