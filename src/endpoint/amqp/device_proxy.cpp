#include "endpoint/amqp/device_proxy.hpp"

#include "core/hub/hub.hpp"
#include "core/shard/shard.hpp"
#include "endpoint/amqp/cloud_message_format.hpp"
#include "endpoint/amqp/hosted_device.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/queue_feed.hpp"
#include "net/io_thread.hpp"

#include <utility>

namespace carillon::amqp {

DeviceProxy::DeviceProxy(HubConnection& connection, IdentityKey key)
    : connection_(connection.shared_from_this()),
      key_(std::move(key)),
      hub_(connection.hub()),
      thread_(connection.endpoint().threads().of_shard(
          device::ConnectedDevice::home(connection.hub(), key_.device).number())),
      device_(connection.hub(), *this, connection.endpoint().connection_logs()) {}

template <class F>
void DeviceProxy::there(F function) {
    thread_.post([self = shared_from_this(), function = std::move(function)]() mutable { function(*self); });
}

template <class F>
void DeviceProxy::back(F function) {
    connection_->post(
        [self = shared_from_this(), function = std::move(function)](HubConnection& connection) mutable {
            HostedDevice* device = connection.hosted(self->key_);
            if (device != nullptr && &device->proxy() == self.get()) function(*device);
        });
}

// --- coming and going ------------------------------------------------------------------------------

/// With the first token that is good.
Result<> DeviceProxy::try_tokens(const Login& login, bool renews) {
    device::Credentials credentials{.key = key_,
                                    .host = hub_.host_names().front(),
                                    .token = std::nullopt,
                                    .certificate = login.certificate ? &*login.certificate : nullptr};
    const auto attempt = [this, &login, &credentials, renews] {
        return renews ? device_.renew(credentials)
                      : device_.connect(credentials, login.model_id, {"amqp", login.peer});
    };
    if (login.tokens.empty()) return attempt();
    Result<> result;
    for (const std::string& token : login.tokens) {
        credentials.token = token;
        result = attempt();
        if (result) return result;
    }
    return result;
}

void DeviceProxy::connect(Login login) {
    there([login = std::move(login)](DeviceProxy& self) {
        const Result<> result = self.try_tokens(login, false);
        Duration wait{};
        if (!result) {
            wait =
                device::ConnectedDevice::refused(self.hub_, self.key_, result.error(), {"amqp", login.peer},
                                                 self.connection_->endpoint().connection_logs());
        }
        self.back([result, wait, key = self.device_.key(), end = self.device_.token_end()](
                      HostedDevice& device) { device.connected(result, wait, key, end); });
    });
}

void DeviceProxy::renew(std::vector<std::string> tokens) {
    Login login;
    login.tokens = std::move(tokens);
    there([login = std::move(login)](DeviceProxy& self) {
        if (self.is_closed_) return;
        const Result<> result = self.try_tokens(login, true);
        self.back([result, key = self.device_.key(), end = self.device_.token_end()](HostedDevice& device) {
            device.renewed(result, key, end);
        });
    });
}

void DeviceProxy::leave() {
    there([](DeviceProxy& self) {
        self.is_closed_ = true;
        self.device_.disconnect(self.closed_for_.empty() ? "the device left" : self.closed_for_);
    });
}

void DeviceProxy::close(Errc reason) {
    is_closed_ = true;
    closed_for_ = errc_name(reason);
    back([reason](HostedDevice& device) { device.closed(reason); });
}

// --- what the device asks for ----------------------------------------------------------------------

namespace {

/// Counts the messages of a delivery that are not durable yet.
struct Batch {
    std::size_t waiting = 0;
    Result<> result;
};

auto gone() {
    return fail(Errc::connection_forcefully_closed, "The connection has ended.");
}

}  // namespace

void DeviceProxy::send(std::vector<TelemetryMessage> messages, const Receipt& receipt) {
    there([messages = std::move(messages), receipt](DeviceProxy& self) mutable {
        const auto answer = [connection = self.connection_, receipt](const Result<>& result) {
            connection->post([receipt, result](HubConnection& there) { there.dispose(receipt, result); });
        };
        if (self.is_closed_) return answer(gone());
        const auto batch = std::make_shared<Batch>();
        batch->waiting = messages.size();
        const auto done = [batch, answer](const Result<>& result) {
            if (!result && batch->result) batch->result = result;
            if (--batch->waiting == 0) answer(batch->result);
        };
        for (TelemetryMessage& message : messages) {
            message.message.body = message.body;
            const auto sent = self.device_.send(std::move(message.message), done);
            if (!sent) done(sent);
        }
    });
}

void DeviceProxy::get_twin(const Receipt& receipt, std::string correlation_id) {
    there([receipt, correlation_id = std::move(correlation_id)](DeviceProxy& self) mutable {
        Result<std::string> twin = self.is_closed_ ? Result<std::string>(gone()) : self.device_.twin();
        self.back([receipt, correlation_id = std::move(correlation_id),
                   twin = std::move(twin)](HostedDevice& device) {
            if (twin) return device.answer_twin(receipt, correlation_id, 200, std::nullopt, *twin);
            device.refuse_twin(receipt, correlation_id, twin.error());
        });
    });
}

void DeviceProxy::report(const Receipt& receipt, std::string correlation_id, std::string patch,
                         std::optional<std::int64_t> expected_version) {
    there([receipt, correlation_id = std::move(correlation_id), patch = std::move(patch),
           expected_version](DeviceProxy& self) mutable {
        if (self.is_closed_) return;
        auto done = [self = self.shared_from_this(), receipt,
                     correlation_id = std::move(correlation_id)](const Result<std::int64_t>& version) {
            self->back([receipt, correlation_id, version](HostedDevice& device) {
                if (version) return device.answer_twin(receipt, correlation_id, 204, *version, {});
                device.refuse_twin(receipt, correlation_id, version.error());
            });
        };
        self.device_.report(patch, expected_version, std::move(done));
    });
}

void DeviceProxy::answer_method(std::uint16_t request_id, int status, std::string payload) {
    there([request_id, status, payload = std::move(payload)](DeviceProxy& self) {
        if (!self.is_closed_) self.device_.answer_method(request_id, status, payload);
    });
}

void DeviceProxy::take_methods(bool takes) {
    there([takes](DeviceProxy& self) {
        if (std::exchange(self.takes_methods_, takes) == takes || self.is_closed_) return;
        if (self.device_.is_connected()) self.device_.method_subscriptions_changed();
    });
}

void DeviceProxy::take_desired(bool takes, std::optional<std::pair<Receipt, std::string>> request) {
    there([takes, request = std::move(request)](DeviceProxy& self) mutable {
        self.takes_desired_ = takes;
        if (!request) return;
        self.back([request = *std::move(request)](HostedDevice& device) {
            device.answer_twin(request.first, request.second, 200, std::nullopt, {});
        });
    });
}

void DeviceProxy::set_cloud_room(CloudLane lane, std::optional<std::uint32_t> credit, std::uint64_t seen) {
    there([lane, credit, seen](DeviceProxy& self) {
        Lane& told = self.lanes_[static_cast<std::size_t>(lane)];
        const bool is_new = credit && !told.is_open;
        told.is_open = credit.has_value();
        told.credit = credit.value_or(0);
        told.seen = seen;
        if (self.is_closed_ || !self.device_.is_connected()) return;
        if (is_new) return self.device_.offer_all_cloud_messages();
        if (told.credit > 0) self.device_.offer_cloud_messages();
    });
}

void DeviceProxy::settle_cloud_message(const LockToken& lock, Settlement how, const Disposal& disposal) {
    Disposal told;  // Without its views.
    told.link = disposal.link;
    told.id = disposal.id;
    told.settled = disposal.settled;
    there([lock, how, told](DeviceProxy& self) {
        if (self.is_closed_) return;
        self.device_.settle_cloud_message(
            lock, how, [self = self.shared_from_this(), told](const Result<>& result) {
                self->connection_->post(
                    [told, result](HubConnection& connection) { answer_disposal(connection, told, result); });
            });
    });
}

// --- what the hub wants of the device --------------------------------------------------------------

void DeviceProxy::send_method(std::uint16_t request_id, std::string_view name, std::string_view payload) {
    if (is_closed_ || !mail_.take(name.size() + payload.size())) return;  // Its caller's time runs out.
    device_.trace_method(request_id, name);
    back([self = this, request_id, name = std::string(name),
          payload = std::string(payload)](HostedDevice& device) {
        self->mail_.give_back(name.size() + payload.size());
        device.send_method(request_id, name, payload);
    });
}

void DeviceProxy::send_desired(std::int64_t version, std::string_view body) {
    if (is_closed_) return;
    if (!mail_.take(body.size())) return close(Errc::throttling_exception);
    if (device_.is_traced()) device_.trace("desired sent", "\"version\":" + std::to_string(version));
    back([self = this, version, body = std::string(body)](HostedDevice& device) {
        self->mail_.give_back(body.size());
        device.send_desired(version, body);
    });
}

std::size_t DeviceProxy::cloud_message_room() const {
    std::size_t room = 0;
    for (const Lane& lane : lanes_) room += lane.room();
    return is_closed_ ? 0 : room;
}

DeviceLink::Taken DeviceProxy::send_cloud_message(const CloudDelivery& delivery) {
    const CloudLane kind = delivery.message.input().empty() ? CloudLane::messages : CloudLane::inputs;
    Lane& lane = lanes_[static_cast<std::size_t>(kind)];
    if (is_closed_) return Taken::not_now;
    if (!lane.is_open) return Taken::not_wanted;
    if (lane.room() == 0) return Taken::not_now;
    std::string message = format_cloud_message(delivery);
    // The connection tells its room again with each that it takes, and it is offered then.
    if (!mail_.take(message.size())) return Taken::not_now;
    ++lane.sent;
    if (device_.is_traced()) device_.trace("message sent");
    back([self = this, kind, lock = delivery.lock, message = std::move(message)](HostedDevice& device) {
        self->mail_.give_back(message.size());
        device.send_cloud_message(kind, lock, message);
    });
    return Taken::until_settled;
}

bool DeviceProxy::is_congested() const {
    return connection_->is_congested() || mail_.is_half_full();
}

}  // namespace carillon::amqp
