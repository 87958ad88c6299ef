#include "endpoint/device/device_requests.hpp"

#include "core/hub/device_traces.hpp"
#include "core/hub/hub.hpp"
#include "core/shard/telemetry.hpp"
#include "core/shard/throttles.hpp"
#include "endpoint/device/connected_device.hpp"

#include <fmt/core.h>

namespace carillon::device {
namespace {

/// What is registered under the key, which notes that the device was heard from.
Result<Record*> heard_from(Shard& shard, const IdentityKey& key) {
    Record* record = shard.directory().find(key);
    if (record == nullptr || !record->exists()) return fail(shard.missing(key), key.path());
    shard.touch(*record);
    return record;
}

void trace(Hub& hub, const IdentityKey& key, std::string_view event, std::string_view members = {}) {
    if (!hub.traces().is_on()) return;
    const Clock& clock = ConnectedDevice::home(hub, key.device).clock();
    hub.traces().note(key.path(), clock.now(), clock.wall_now(), event, members);
}

Task<Result<Proof>> authenticate_there(Hub* hub, RequestCredentials shown) {
    const Credentials credentials{.key = shown.key,
                                  .host = shown.host,
                                  .token = shown.token,
                                  .certificate = shown.certificate ? &*shown.certificate : nullptr};
    co_return ConnectedDevice::check(*hub, credentials);
}

Task<Result<>> send_there(Hub* hub, Shard* shard, IdentityKey key, AuthMethod method,
                          std::vector<SentMessage> messages) {
    const auto record = heard_from(*shard, key);
    if (!record) co_return fail(record.error());
    const Sender sender{
        .record = **record, .method = method, .model_id = {}, .now = shard->clock().wall_now()};
    std::vector<Message> made;
    for (SentMessage& sent : messages) {
        auto passed = hub->throttles().callers().take_message(shard->number(), (*record)->ordinal,
                                                              sent.body.size(), shard->clock().now());
        if (!passed) co_return passed;
        sent.head.body = sent.body;
        auto message = make_message(std::move(sent.head), sender);
        if (!message) co_return fail(std::move(message).error());
        made.push_back(*std::move(message));
    }
    // In one turn, and so in one commit.
    for (Message& message : made) {
        shard->telemetry().append(**record, std::move(message), [](const Result<>&) {});
    }
    const auto written = co_await shard->committer().durable();
    if (!written) co_return fail(unavailable(written.error()));
    co_return Result<>{};
}

using Received = Result<std::optional<ReceivedMessage>>;

Task<Received> receive_there(Shard* shard, IdentityKey key, Duration lock_time) {
    const auto record = heard_from(*shard, key);
    if (!record) co_return fail(record.error());
    auto start = [&](CloudMessages::Received done) {
        shard->cloud_messages().receive(**record, lock_time, std::move(done));
    };
    co_return co_await from_callback<Received>(start);
}

Task<Result<>> settle_there(Shard* shard, IdentityKey key, LockToken lock, Settlement how) {
    const auto record = heard_from(*shard, key);
    if (!record) co_return fail(record.error());
    auto start = [&](CloudMessages::Done done) {
        shard->cloud_messages().settle(**record, lock, how, std::move(done));
    };
    co_return co_await from_callback<Result<>>(start);
}

}  // namespace

Task<Result<Proof>> authenticate(Hub& hub, RequestCredentials credentials) {
    Shard& shard = hub.shards().owner(credentials.key.device);
    return hub.shards().on(shard, authenticate_there(&hub, std::move(credentials)));
}

Task<Result<>> send(Hub& hub, IdentityKey key, AuthMethod method, std::vector<SentMessage> messages) {
    trace(hub, key, "telemetry", fmt::format("\"messages\":{}", messages.size()));
    Shard& shard = hub.shards().owner(key.device);
    return hub.shards().on(shard, send_there(&hub, &shard, std::move(key), method, std::move(messages)));
}

Task<Received> receive(Hub& hub, IdentityKey key, Duration lock_time) {
    trace(hub, key, "message asked for");
    Shard& shard = hub.shards().owner(key.device);
    return hub.shards().on(shard, receive_there(&shard, std::move(key), lock_time));
}

Task<Result<>> settle(Hub& hub, IdentityKey key, LockToken lock, Settlement how) {
    trace(hub, key, "message settled");
    Shard& shard = hub.shards().owner(key.device);
    return hub.shards().on(shard, settle_there(&shard, std::move(key), lock, how));
}

}  // namespace carillon::device
