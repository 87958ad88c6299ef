#include "endpoint/amqp/device_links.hpp"

#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/telemetry_message.hpp"
#include "wire/amqp/hub_messages.hpp"

#include <utility>

namespace carillon::amqp {

namespace {

auto malformed() {
    return fail(Errc::iot_hub_format_error, "The message is malformed.");
}

/// A link on which the hub sends, or one that the kinds below refine.
class DeviceLinkHandler : public LinkHandler {
public:
    DeviceLinkHandler(HubConnection& connection, HostedDevice& device, LinkKind kind, LinkId link)
        : connection_(connection), device_(device), kind_(kind), link_(link) {
        device_.attached(kind, link);
    }
    ~DeviceLinkHandler() override { device_.detached(kind_, link_); }

protected:
    HubConnection& connection() { return connection_; }
    HostedDevice& device() { return device_; }

private:
    HubConnection& connection_;
    HostedDevice& device_;
    const LinkKind kind_;
    const LinkId link_;
};

class TelemetryLink final : public DeviceLinkHandler {
public:
    using DeviceLinkHandler::DeviceLinkHandler;
    void delivered(const Delivery& delivery) override {
        auto messages = read_telemetry(delivery);
        if (!messages) return connection().dispose(delivery.receipt, fail(std::move(messages).error()));
        device().proxy().send(*std::move(messages), delivery.receipt);
    }
};

class MethodResponsesLink final : public DeviceLinkHandler {
public:
    using DeviceLinkHandler::DeviceLinkHandler;
    void delivered(const Delivery& delivery) override {
        const auto view = decode_message(delivery.message);
        if (!view) return connection().dispose(delivery.receipt, malformed());
        auto response = parse_method_response(*view);
        if (!response) return connection().dispose(delivery.receipt, fail(std::move(response).error()));
        connection().dispose(delivery.receipt, {});
        if (response->request_id == 0) return;  // Of no request, or of one whose time has run out.
        device().proxy().answer_method(response->request_id, response->status, std::move(response->payload));
    }
};

class TwinRequestsLink final : public DeviceLinkHandler {
public:
    using DeviceLinkHandler::DeviceLinkHandler;
    void delivered(const Delivery& delivery) override {
        const auto view = decode_message(delivery.message);
        if (!view) return connection().dispose(delivery.receipt, malformed());
        auto request = parse_twin_request(*view);
        if (request) return device().ask_twin(delivery.receipt, *std::move(request));
        const Value& id = view->properties.correlation_id;
        device().refuse_twin(delivery.receipt, as_text(id.encoded), request.error());
    }
};

class CloudMessagesLink final : public DeviceLinkHandler {
public:
    CloudMessagesLink(HubConnection& connection, HostedDevice& device, LinkKind kind, LinkId link)
        : DeviceLinkHandler(connection, device, kind, link),
          lane_(kind == LinkKind::module_inputs ? CloudLane::inputs : CloudLane::messages) {}
    void flowed() override { device().cloud_credit_changed(lane_); }
    void disposed(const Disposal& disposal) override { device().cloud_message_disposed(disposal); }

private:
    const CloudLane lane_;
};

}  // namespace

void open_device_link(HubConnection& connection, const LinkRequest& request) {
    auto key = IdentityKey::parse(request.address.device, request.address.module);
    if (!key) {
        return connection.refuse(request.id, {Errc::generic_not_found, "The address names no identity."});
    }
    HostedDevice::Asked asked;
    asked.id = request.id;
    asked.kind = request.address.kind;
    asked.model_id = link_property(request.attach, "com.microsoft:model-id");
    asked.client_version = link_property(request.attach, "com.microsoft:client-version");
    connection.host(*key).open(std::move(asked));
}

std::unique_ptr<LinkHandler> make_device_link(HubConnection& connection, HostedDevice& device, LinkKind kind,
                                              LinkId link) {
    switch (kind) {
        case LinkKind::telemetry:
            return std::make_unique<TelemetryLink>(connection, device, kind, link);
        case LinkKind::devicebound:
        case LinkKind::module_inputs:
            return std::make_unique<CloudMessagesLink>(connection, device, kind, link);
        case LinkKind::method_responses:
            return std::make_unique<MethodResponsesLink>(connection, device, kind, link);
        case LinkKind::twin_requests:
            return std::make_unique<TwinRequestsLink>(connection, device, kind, link);
        default:
            return std::make_unique<DeviceLinkHandler>(connection, device, kind, link);
    }
}

}  // namespace carillon::amqp
