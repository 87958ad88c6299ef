#include "endpoint/amqp/service_links.hpp"

#include "base/log.hpp"
#include "core/hub/hub.hpp"
#include "core/messages/messages.hpp"
#include "core/shard/throttles.hpp"
#include "endpoint/amqp/cloud_message_format.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/queue_feed.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace carillon::amqp {

namespace {

/// Source: azure-iot-sdk-c#2233, log of the service.
constexpr std::uint32_t service_link_credit = 1000;

constexpr std::array<std::string_view, 2> devicebound{"messages", "devicebound"};
constexpr std::array<std::string_view, 3> feedback{"messages", "servicebound", "feedback"};
constexpr std::array<std::string_view, 3> file_notifications{"messages", "servicebound", "filenotifications"};

std::span<const std::string_view> path_of(LinkKind kind) {
    if (kind == LinkKind::service_send) return devicebound;
    if (kind == LinkKind::feedback) return feedback;
    return file_notifications;
}

bool may(HubConnection& connection, LinkKind kind) {
    return connection.authenticator().may(AccessRights::service_connect, path_of(kind));
}

class ServiceLink : public LinkHandler {
public:
    ServiceLink(HubConnection& connection, LinkKind kind) : connection_(connection), kind_(kind) {}
    bool is_still_allowed() override { return may(connection_, kind_); }

protected:
    HubConnection& connection() { return connection_; }

private:
    HubConnection& connection_;
    const LinkKind kind_;
};

/// Queues a message, and disposes of it when that is durable.
void enqueue(HubConnection& connection, const Receipt& receipt, IdentityKey key, CloudMessage message) {
    // Refused at once, where a REST request may wait: those behind it on the link would wait, too.
    const auto passed = connection.hub().throttles().take_now(ThrottleClass::cloud_message_sends,
                                                              connection.thread().clock().now());
    if (!passed) return connection.dispose(receipt, passed);
    auto done = [held = connection.shared_from_this(), receipt](const std::exception_ptr& problem,
                                                                const Result<std::uint64_t>& queued) {
        Result<> result;
        if (problem) {
            // The root of this coroutine: whatever a library threw costs the message.
            log.error("a message was not queued, as an exception came up");
            result = fail(Errc::server_error, "The message cannot be queued.");
        } else if (!queued) {
            result = fail(queued.error());
        }
        held->post([receipt, result](HubConnection& here) { here.dispose(receipt, result); });
    };
    boost::asio::co_spawn(connection.thread().executor(),
                          connection.hub().messages().send(std::move(key), std::move(message)),
                          std::move(done));
}

class SenderLink final : public ServiceLink {
public:
    using ServiceLink::ServiceLink;
    void delivered(const Delivery& delivery) override {
        const auto view = decode_message(delivery.message);
        if (!view) {
            return connection().dispose(delivery.receipt,
                                        fail(Errc::iot_hub_format_error, "The message is malformed."));
        }
        auto target = read_cloud_message_target(*view);
        if (!target) return connection().dispose(delivery.receipt, fail(std::move(target).error()));
        auto message = read_cloud_message(*view);
        if (!message) return connection().dispose(delivery.receipt, fail(std::move(message).error()));
        if (!target->input.empty())
            message->system.emplace_back(CloudMessage::input_property, std::move(target->input));
        enqueue(connection(), delivery.receipt, std::move(target->key), *std::move(message));
    }
};

/// Gives the items of a queue as long as there is credit.
class QueueLink final : public ServiceLink {
public:
    QueueLink(HubConnection& connection, LinkKind kind, LinkId link, LockedQueue& queue,
              QueueFeed::Format format)
        : ServiceLink(connection, kind),
          link_(link),
          feed_(std::make_shared<QueueFeed>(connection, link, queue, format)) {
        feed_->start();
    }
    ~QueueLink() override {
        Disposal nobody_waits;
        nobody_waits.settled = true;
        for (const auto& [cookie, lock] : given_) feed_->settle(lock, Settlement::abandon, nobody_waits);
        feed_->leave();
    }

    void flowed() override { feed_->set_room(connection().wire().credit(link_), seen_); }

    void send(const LockToken& lock, std::string_view message) {
        ++seen_;
        const std::uint64_t cookie = ++last_cookie_;
        given_.emplace(cookie, lock);
        const Outgoing outgoing{.tag = lock, .cookie = cookie};
        if (!connection().wire().send(link_, outgoing, as_bytes(message))) {
            return connection().detach(
                link_, Error{Errc::message_too_large, "The client takes no message of this size."});
        }
        flowed();
    }
    void disposed(const Disposal& disposal) override {
        const auto found = given_.find(disposal.cookie);
        if (found == given_.end()) return;
        feed_->settle(found->second, settlement_of(disposal.state), disposal);
        given_.erase(found);
    }

private:
    const LinkId link_;
    const std::shared_ptr<QueueFeed> feed_;
    std::unordered_map<std::uint64_t, LockToken> given_;  ///< Bound: ConnectionLimits::unsettled_max.
    std::uint64_t last_cookie_ = 0;
    std::uint64_t seen_ = 0;
};

}  // namespace

void QueueFeed::deliver(HubConnection& connection, LinkId link, const LockToken& lock,
                        std::string_view message) {
    static_cast<QueueLink*>(connection.handler(link))->send(lock, message);
}

void open_service_link(HubConnection& connection, const LinkRequest& request) {
    const LinkKind kind = request.address.kind;
    if (!may(connection, kind)) {
        return connection.refuse(request.id, {Errc::iot_hub_unauthorized_access, "Unauthorized."});
    }
    if (kind == LinkKind::service_send) {
        return connection.accept(request.id, std::make_unique<SenderLink>(connection, kind),
                                 service_link_credit);
    }
    Messages& messages = connection.hub().messages();
    const bool is_feedback = kind == LinkKind::feedback;
    connection.accept(
        request.id,
        std::make_unique<QueueLink>(connection, kind, request.id,
                                    is_feedback ? messages.feedback().queue() : messages.file_notifications(),
                                    is_feedback ? format_feedback_item : format_file_notification),
        0);
}

}  // namespace carillon::amqp
