#include "device/device_runner.hpp"

#include <utility>

namespace carillon::client {

namespace {

LinkSettings link_settings(const DevicePlan& plan, const DeviceOptions& options,
                           std::shared_ptr<const TlsClient> tls) {
    LinkSettings settings;
    settings.host_name = plan.server_name();
    settings.address = options.address.empty() ? settings.host_name : options.address;
    settings.port = options.port != 0 ? options.port : port_of(options.transport);
    settings.tls = std::move(tls);
    if (options.transport == DeviceTransport::mqtt_websocket) settings.websocket = "mqtt";
    if (options.transport == DeviceTransport::amqp_websocket) settings.websocket = "AMQPWSB10";
    settings.has_certificate = plan.has_certificate();
    return settings;
}

}  // namespace

DeviceRunner::DeviceRunner(ClientIo& io, DevicePlan plan, const DeviceOptions& options,
                           std::shared_ptr<const TlsClient> tls)
    : io_(io),
      plan_(std::move(plan)),
      token_lifetime_(options.token_lifetime),
      messages_max_(options.messages_max),
      message_bytes_max_(options.message_bytes_max),
      link_settings_(link_settings(plan_, options, std::move(tls))),
      agent_(*this, plan_.agent_settings(options)) {}

// --- any thread --------------------------------------------------------------------------------

bool DeviceRunner::post(std::function<void(DeviceRunner&)> function) {
    const std::lock_guard lock(mutex_);
    if (is_shut_) return false;
    io_.loop().post([self = shared_from_this(), function = std::move(function)] { function(*self); });
    return true;
}

bool DeviceRunner::take_place(std::size_t bytes) {
    if (++messages_ > messages_max_) {
        --messages_;
        return false;
    }
    if ((message_bytes_ += bytes) > message_bytes_max_) {
        give_place(bytes);
        return false;
    }
    return true;
}

void DeviceRunner::give_place(std::size_t bytes) {
    --messages_;
    message_bytes_ -= bytes;
}

bool DeviceRunner::take_twin_place() {
    if (++twin_requests_ <= DeviceClient::twin_requests_max) return true;
    --twin_requests_;
    return false;
}

void DeviceRunner::shut() {
    {
        const std::lock_guard lock(mutex_);
        is_shut_ = true;
    }
    const auto self = shared_from_this();
    io_.loop().run_here_or_there([self] {
        self->is_silent_ = true;
        // In one of our own callbacks the agent is in the middle of something.
        if (!self->io_.loop().is_current()) return self->finish();
        self->io_.loop().defer([self] { self->finish(); });
    });
}

void DeviceRunner::finish() {
    with_agent([](DeviceAgent& agent, TimePoint now) { agent.close(now, now); });
    tell_waiting(agent_.status());
    if (timer_) io_.loop().cancel(*timer_);
    timer_.reset();
}

// --- on the loop's thread ----------------------------------------------------------------------

void DeviceRunner::when_connected(std::function<void(const Result<>&)> done) {
    connect_waiters_.push_back(std::move(done));
    tell_waiting(agent_.status());
}

void DeviceRunner::when_closed(std::function<void()> done) {
    close_waiters_.push_back(std::move(done));
    tell_waiting(agent_.status());
}

void DeviceRunner::after(Duration delay, std::function<void(bool)> done) {
    if (agent_.status().state == ConnectionState::closed) return done(false);
    const auto wait = waits_.insert(waits_.end(), Wait{std::move(done), {}});
    wait->timer = io_.loop().at(io_.loop().now() + delay, [this, wait] {
        const auto over = std::move(wait->done);
        waits_.erase(wait);
        over(true);
    });
}

/// Tells those who wait for a state that this is it.
void DeviceRunner::tell_waiting(const ConnectionStatus& status) {
    const bool is_closed = status.state == ConnectionState::closed;
    if (status.state == ConnectionState::connected || status.state == ConnectionState::stopped || is_closed) {
        Result<> outcome;
        if (status.state != ConnectionState::connected) outcome = fail(status.reason, status.detail);
        for (const auto& done : std::exchange(connect_waiters_, {})) done(outcome);
    }
    if (!is_closed) return;
    for (const auto& wait : std::exchange(waits_, {})) {
        io_.loop().cancel(wait.timer);
        wait.done(false);
    }
    for (const auto& done : std::exchange(close_waiters_, {})) done();
}

/// Sees to it that the agent's deadline is kept. A timer that is early is left, as most deadlines move on
/// before they come.
void DeviceRunner::arm() {
    const TimePoint deadline = agent_.deadline();
    if (deadline == TimePoint::max() || (timer_ && timer_at_ <= deadline)) return;
    if (timer_) io_.loop().cancel(*timer_);
    timer_at_ = deadline;
    timer_ = io_.loop().at(deadline, [this] {
        timer_.reset();
        const TimePoint now = io_.loop().now();
        if (now >= agent_.deadline()) agent_.tick(now);
        arm();
    });
}

// --- AgentHost ---------------------------------------------------------------------------------

void DeviceRunner::open_link() {
    StreamHandler& handler = *this;
    link_ = std::make_unique<DeviceLink>(io_, handler, link_settings_);
    link_->open();
}

void DeviceRunner::send(std::string_view bytes) {
    if (link_) link_->send(bytes);
}

void DeviceRunner::close_link() {
    if (!link_) return;
    link_->close();
    // It may be one of its own calls that led here.
    io_.loop().defer([link = std::move(link_)] {});
}

std::string DeviceRunner::new_token() {
    return plan_.token(io_.loop().wall_now(), token_lifetime_);
}

void DeviceRunner::status_changed(const ConnectionStatus& status) {
    if (handlers_.status && !is_silent_) handlers_.status(status);
    tell_waiting(status);
}

void DeviceRunner::method_called(const MethodRequest& request, std::uint64_t call) {
    const auto found = handlers_.methods.find(request.name);
    MethodReply reply = reply_to(call);
    if (found != handlers_.methods.end() && !is_silent_) return found->second(request, std::move(reply));
    constexpr int not_implemented = 501;
    reply.answer({.status = not_implemented});
}

void DeviceRunner::desired_changed(const DesiredProperties& desired) {
    if (handlers_.desired && !is_silent_) handlers_.desired(desired);
}

MessageAnswer DeviceRunner::message_received(const HubToDeviceMessage& message) {
    if (!handlers_.message || is_silent_) return MessageAnswer::leave;
    return handlers_.message(message);
}

/// An answer goes by way of the loop, whichever thread gives it; the client may be gone by then.
MethodReply DeviceRunner::reply_to(std::uint64_t call) {
    return MethodReply(
        [runner = weak_from_this(), call](MethodResponse answer, std::function<void(bool)> sent) {
            const auto step = [call, answer = std::move(answer), sent](DeviceRunner& self) {
                bool has_left = false;
                self.with_agent([&](DeviceAgent& agent, TimePoint now) {
                    has_left = agent.answer_method(call, answer, now);
                });
                if (sent) sent(has_left);
            };
            const auto self = runner.lock();
            const bool is_posted = self && self->post(step);
            if (!is_posted && sent) sent(false);
        });
}

// --- StreamHandler -----------------------------------------------------------------------------

void DeviceRunner::opened() {
    with_agent([](DeviceAgent& agent, TimePoint now) { agent.link_opened(now); });
}

void DeviceRunner::received(Bytes bytes) {
    with_agent([bytes](DeviceAgent& agent, TimePoint now) { agent.link_received(bytes, now); });
}

void DeviceRunner::drained() {
    with_agent([](DeviceAgent& agent, TimePoint now) { agent.link_drained(now); });
}

void DeviceRunner::closed(const Error& reason) {
    with_agent([&reason](DeviceAgent& agent, TimePoint now) { agent.link_closed(reason, now); });
}

}  // namespace carillon::client
