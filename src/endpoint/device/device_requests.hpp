#pragma once

#include "base/task.hpp"
#include "core/shard/cloud_messages.hpp"
#include "endpoint/device/authentication.hpp"
#include "endpoint/device/device_message.hpp"
#include "net/channel.hpp"

#include <optional>
#include <string>
#include <vector>

namespace carillon {
class Hub;
}  // namespace carillon

namespace carillon::device {

// What a device asks for over a protocol that keeps no connection, such as HTTPS: each request proves itself,
// and is carried out on the thread of the device's shard, to which these go and come back from.
// `ConnectedDevice` is the same for devices that stay.

/// What a device shows with a request; as `Credentials`, with a life of its own.
struct RequestCredentials {
    IdentityKey key;
    std::string host;
    std::optional<std::string> token;
    std::optional<PeerCertificate> certificate;
};

/// A message with its body, which `head` is given when the message is made.
struct SentMessage {
    DeviceMessage head;
    std::string body;
};

/// Fails as `judge`. A request does not make the device connected.
Task<Result<Proof>> authenticate(Hub& hub, RequestCredentials credentials);
/// Keeps messages, all or none; done when they are durable. Fails with `device_not_found`,
/// `message_too_large`, `service_unavailable`.
Task<Result<>> send(Hub& hub, IdentityKey key, AuthMethod method, std::vector<SentMessage> messages);
/// As `CloudMessages::receive`; fails with `device_not_found` too.
Task<Result<std::optional<ReceivedMessage>>> receive(Hub& hub, IdentityKey key, Duration lock_time);
/// As `CloudMessages::settle`; fails with `device_not_found` too.
Task<Result<>> settle(Hub& hub, IdentityKey key, LockToken lock, Settlement how);

}  // namespace carillon::device
