// Uses a little of every public header; exits 0 if the library does as they say.
#include <carillon/async_service_client.hpp>
#include <carillon/device_client.hpp>
#include <carillon/json.hpp>
#include <carillon/owned_json.hpp>
#include <carillon/printing.hpp>
#include <carillon/provisioning_client.hpp>
#include <carillon/service_client.hpp>

#include <iostream>

using namespace carillon;

int main() {
    // Nobody listens there, so the message is never sent, and the client says so.
    DeviceOptions options;
    options.connection_string = "HostName=localhost;DeviceId=d1;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==";
    options.port = 1;
    options.retry.attempts_max = 1;
    auto device = DeviceClient::open(options);
    if (!device) return std::cerr << device.error().detail << '\n', 1;
    TelemetryMessage message;
    JsonWriter(message.body).begin_object().member("temperature", 21).end_object();
    auto delivery = device->send(message);
    const auto connected = device->connected().get();
    if (connected || connected.error().code != Errc::unreachable) return 2;
    if (delivery.get().fate != MessageFate::not_sent) return 3;

    ProvisioningOptions provisioning;
    provisioning.host = "localhost";
    provisioning.id_scope = "0ne00ABCDEF";
    provisioning.port = 1;
    provisioning.transport = ProvisioningTransport::mqtt;
    auto unregistered = ProvisioningClient::open(provisioning);
    if (!unregistered) return std::cerr << unregistered.error().detail << '\n', 1;
    const auto device_key = derive_device_key("MDEyMzQ1Njc4OWFiY2RlZg==", "d1");
    if (unregistered->register_device("d1", device_key).error().code != Errc::unreachable) return 5;

    ServiceOptions service;
    service.connection_string = options.connection_string;
    const auto refused = ServiceClient::open(service);
    if (refused || refused.error().code != Errc::argument_invalid) return 4;
    const auto refused_too = AsyncServiceClient::open(service);
    if (refused_too || to_string(ConnectionState::idle) != "idle") return std::cerr << refused_too.error(), 6;
    const auto owned = OwnedJson::parse(message.body);
    if (!owned || (*owned)["temperature"].integer() != 21) return 7;
    const auto document = JsonDocument::parse(message.body);
    return document && document->root().find("temperature").integer() == 21 ? 0 : 5;
}
