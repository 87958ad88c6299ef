#pragma once

#include "carillon/coroutine.hpp"
#include "carillon/device_message.hpp"
#include "carillon/device_options.hpp"
#include "carillon/event_loop.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>

namespace carillon {

/// Answers one direct method. Copies speak for the same call; any thread, at any time. Without an answer
/// the caller hears of none until its time is over.
class MethodReply {
public:
    /// Sends the answer; the first one counts. `sent`, if given, hears on the loop's thread whether it left:
    /// not if the connection that the call came on is over.
    void answer(MethodResponse answer, std::function<void(bool)> sent = {}) const;

    /// Where an answer goes; given by the client.
    using Sink = std::function<void(MethodResponse, std::function<void(bool)>)>;
    explicit MethodReply(Sink sink);

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// A device, or a module of one, at a hub: this one or Azure's.
///
/// After `connect` it stays connected: it comes back by its `RetryPolicy` when the connection is lost, and
/// renews its token before that expires. Subscriptions follow from the handlers. Messages and twin requests
/// may be given at any time, connected or not; each has its fate told exactly once, within
/// `operation_timeout` or when the client closes or stops. Of each there are three forms: a callback, a
/// future, and, with `awaiting`, what a coroutine awaits. A message that was not acknowledged when the
/// connection broke is sent again, marked as such, so that the hub may have it twice but no message is lost
/// that was reported as stored. Messages reach the hub in their order, reported patches one after the other.
///
/// Threads: all members may be called on any thread, handlers included. Handlers and callbacks come on the
/// loop's thread, one at a time, never inside a call, but for one case: a message or request that is refused
/// at once has its callback called before `send` returns. They do not throw. They must not wait for a future
/// of a client on the same loop. No handler is called any more once the destructor has returned; on the
/// loop's own thread it may only be called for a client that does not own its thread.
class DeviceClient {
public:
    /// Twin requests that wait for their answers; more are refused.
    static constexpr std::size_t twin_requests_max = 64;
    /// Direct methods that the device has not answered; more are answered with status 429.
    static constexpr std::size_t methods_pending_max = 64;

    /// Reads the options and connects to nothing yet. Fails with `argument_invalid` for a connection string
    /// that is not a device's, or options that contradict it; `not_found_locally` or `tls_failed` for a file;
    /// `io_failed` for want of descriptors.
    static Result<DeviceClient> open(DeviceOptions options);
    DeviceClient(DeviceClient&&) noexcept;
    DeviceClient& operator=(DeviceClient&&) noexcept;
    /// Gives everything up at once; what has no fate gets one.
    ~DeviceClient();

    const std::string& device_id() const;
    const std::string& module_id() const;  ///< Empty for a device.

    // --- handlers: best set before `connect`, and never taken back -------------------------------------
    void on_status(std::function<void(const ConnectionStatus&)> handler);
    /// `name` is the method's. One that nobody handles is answered with status 501.
    void on_method(std::string name, std::function<MethodResponse(const MethodRequest&)> handler);
    /// The same where the answer comes later.
    void on_method_later(std::string name, std::function<void(const MethodRequest&, MethodReply)> handler);
    /// All desired properties at first, then each change, in order of their versions and each once.
    void on_desired(std::function<void(const DesiredProperties&)> handler);
    /// Cloud-to-device messages, and those for a module's inputs, which `HubToDeviceMessage::input` tells
    /// apart; over every transport. One may come twice.
    void on_message(std::function<MessageAnswer(const HubToDeviceMessage&)> handler);

    // --- life ------------------------------------------------------------------------------------------
    /// Begins to connect; harmless while it does, nothing after `close`.
    void connect();
    /// Ready once connected, or with the reason why it stopped. Begins to connect as well.
    void connected(std::function<void(const Result<>&)> done);
    std::future<Result<>> connected();
    Operation<Result<>> connected(Awaiting);
    /// Waits until every message and request has its fate, at most `patience`, says goodbye and ends;
    /// `done` is called last. What has no fate by then gets one.
    void close(std::chrono::milliseconds patience, std::function<void()> done);
    std::future<void> close(std::chrono::milliseconds patience = std::chrono::milliseconds(10'000));
    struct Closed {};
    Operation<Closed> close(std::chrono::milliseconds patience, Awaiting);
    /// Calls `done` on the loop's thread once `delay` is over, with true; or with false as soon as the client
    /// is closed or destroyed.
    void after(std::chrono::milliseconds delay, std::function<void(bool)> done);
    Operation<bool> after(std::chrono::milliseconds delay, Awaiting);

    // --- what a device says ----------------------------------------------------------------------------
    /// Fails a message that is too large (`message_too_large`), or one too many
    /// (`throttling_backlog_limit_exceeded`), as not sent.
    void send(TelemetryMessage message, std::function<void(const Delivery&)> done);
    std::future<Delivery> send(TelemetryMessage message);
    Operation<Delivery> send(TelemetryMessage message, Awaiting);
    /// The twin as a device sees it: `{"desired":{…},"reported":{…}}`, each with `$version`.
    void get_twin(std::function<void(const Result<std::string>&)> done);
    std::future<Result<std::string>> get_twin();
    Operation<Result<std::string>> get_twin(Awaiting);
    /// Merges a JSON object into the reported properties, null deletes; gives their new version. Fails with
    /// `argument_invalid` for what is not a JSON object, or with the error that the hub named; with
    /// `gateway_timeout` or `connection_closed` the hub may have done it.
    void report(std::string patch_json, std::function<void(const Result<std::int64_t>&)> done);
    std::future<Result<std::int64_t>> report(std::string patch_json);
    Operation<Result<std::int64_t>> report(std::string patch_json, Awaiting);

private:
    class Impl;
    explicit DeviceClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon
