#include "carillon/device_client.hpp"

#include "base/json.hpp"
#include "device/device_runner.hpp"
#include "device/message_bag.hpp"

#include <atomic>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

namespace carillon {

using client::DeviceAgent;
using client::DeviceRunner;
using client::TwinReply;

namespace {

/// An event loop on a thread of its own.
class LoopThread {
public:
    explicit LoopThread(EventLoop loop) : loop_(std::move(loop)) {
        // The program's signals are for threads that know of them.
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        thread_ = std::thread([this] { loop_.run(); });
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    ~LoopThread() {
        CARILLON_ASSERT(thread_.get_id() != std::this_thread::get_id());
        loop_.stop();
        thread_.join();
    }
    LoopThread(const LoopThread&) = delete;
    LoopThread& operator=(const LoopThread&) = delete;

private:
    EventLoop loop_;
    std::thread thread_;
};

/// A promise as a callback, which std::function wants to be able to copy.
template <class T>
std::pair<std::future<T>, std::function<void(const T&)>> promised() {
    auto promise = std::make_shared<std::promise<T>>();
    std::function<void(const T&)> keep = [promise](const T& value) { promise->set_value(value); };
    return {promise->get_future(), std::move(keep)};
}

}  // namespace

// --- MethodReply -------------------------------------------------------------------------------

struct MethodReply::State {
    Sink sink;
    std::atomic<bool> is_answered{false};
};

MethodReply::MethodReply(Sink sink) : state_(std::make_shared<State>()) {
    state_->sink = std::move(sink);
}

void MethodReply::answer(MethodResponse answer, std::function<void(bool)> sent) const {
    if (state_->is_answered.exchange(true)) {
        if (sent) sent(false);
        return;
    }
    state_->sink(std::move(answer), std::move(sent));
}

// --- DeviceClient ------------------------------------------------------------------------------

class DeviceClient::Impl {
public:
    Impl(std::shared_ptr<DeviceRunner> runner, std::unique_ptr<LoopThread> thread)
        : thread_(std::move(thread)), runner_(std::move(runner)) {}
    ~Impl() { runner_->shut(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    DeviceRunner& runner() { return *runner_; }
    void twin_request(std::function<void(DeviceAgent&, client::TwinRequests::Done, TimePoint)> ask,
                      client::TwinRequests::Done done);

private:
    std::unique_ptr<LoopThread> thread_;  ///< Ours, if no loop was given.
    std::shared_ptr<DeviceRunner> runner_;
};

/// Asks a twin request, if there is room for one more.
void DeviceClient::Impl::twin_request(
    std::function<void(DeviceAgent&, client::TwinRequests::Done, TimePoint)> ask,
    client::TwinRequests::Done done) {
    if (!runner_->take_twin_place()) {
        return done(fail(Errc::throttling_backlog_limit_exceeded, "too many twin requests wait"));
    }
    const auto step = [ask = std::move(ask), done = std::move(done)](DeviceRunner& self) {
        const auto answered = [&self, done](const Result<TwinReply>& reply) {
            self.give_twin_place();
            done(reply);
        };
        self.with_agent([&](DeviceAgent& agent, TimePoint now) { ask(agent, answered, now); });
    };
    runner_->post(step);
}

Result<DeviceClient> DeviceClient::open(DeviceOptions options) {
    auto plan = client::DevicePlan::make(options);
    if (!plan) return fail(std::move(plan).error());
    std::optional<EventLoop> own;
    if (options.loop == nullptr) {
        auto loop = EventLoop::open();
        if (!loop) return fail(std::move(loop).error());
        own = *std::move(loop);
    }
    client::ClientIo& io = own ? *own->io_ : *options.loop->io_;
    auto tls = io.tls(plan->tls_settings(options));
    if (!tls) return fail(std::move(tls).error());
    auto runner = std::make_shared<DeviceRunner>(io, *std::move(plan), options, *std::move(tls));
    auto thread = own ? std::make_unique<LoopThread>(*std::move(own)) : nullptr;
    return DeviceClient(std::make_unique<Impl>(std::move(runner), std::move(thread)));
}

DeviceClient::DeviceClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DeviceClient::DeviceClient(DeviceClient&&) noexcept = default;
DeviceClient& DeviceClient::operator=(DeviceClient&&) noexcept = default;
DeviceClient::~DeviceClient() = default;

const std::string& DeviceClient::device_id() const {
    return impl_->runner().plan().identity().device.str();
}

const std::string& DeviceClient::module_id() const {
    return impl_->runner().plan().identity().module;
}

void DeviceClient::on_status(std::function<void(const ConnectionStatus&)> handler) {
    impl_->runner().post(
        [handler = std::move(handler)](DeviceRunner& self) { self.handlers().status = handler; });
}

void DeviceClient::on_method(std::string name, std::function<MethodResponse(const MethodRequest&)> handler) {
    on_method_later(std::move(name),
                    [handler = std::move(handler)](const MethodRequest& request, const MethodReply& reply) {
                        reply.answer(handler(request));
                    });
}

void DeviceClient::on_method_later(std::string name,
                                   std::function<void(const MethodRequest&, MethodReply)> handler) {
    const auto step = [name = std::move(name), handler = std::move(handler)](DeviceRunner& self) {
        self.handlers().methods[name] = handler;
        self.with_agent([](DeviceAgent& agent, TimePoint now) { agent.want(DeviceFeature::methods, now); });
    };
    impl_->runner().post(step);
}

void DeviceClient::on_desired(std::function<void(const DesiredProperties&)> handler) {
    impl_->runner().post([handler = std::move(handler)](DeviceRunner& self) {
        self.handlers().desired = handler;
        self.with_agent([](DeviceAgent& agent, TimePoint now) { agent.want(DeviceFeature::desired, now); });
    });
}

void DeviceClient::on_message(std::function<MessageAnswer(const HubToDeviceMessage&)> handler) {
    impl_->runner().post([handler = std::move(handler)](DeviceRunner& self) {
        self.handlers().message = handler;
        const bool is_module = self.plan().identity().is_module();
        const DeviceFeature feature = is_module ? DeviceFeature::inputs : DeviceFeature::c2d;
        self.with_agent([feature](DeviceAgent& agent, TimePoint now) { agent.want(feature, now); });
    });
}

void DeviceClient::connect() {
    impl_->runner().post([](DeviceRunner& self) {
        self.with_agent([](DeviceAgent& agent, TimePoint now) { agent.connect(now); });
    });
}

void DeviceClient::connected(std::function<void(const Result<>&)> done) {
    connect();
    impl_->runner().post([done = std::move(done)](DeviceRunner& self) { self.when_connected(done); });
}

std::future<Result<>> DeviceClient::connected() {
    auto [future, keep] = promised<Result<>>();
    connected(std::move(keep));
    return std::move(future);
}

Operation<Result<>> DeviceClient::connected(Awaiting) {
    return Operation<Result<>>([this](Operation<Result<>>::Done done) { connected(std::move(done)); });
}

void DeviceClient::close(std::chrono::milliseconds patience, std::function<void()> done) {
    impl_->runner().post([patience, done = std::move(done)](DeviceRunner& self) {
        self.when_closed(done);
        self.with_agent([patience](DeviceAgent& agent, TimePoint now) { agent.close(now + patience, now); });
    });
}

std::future<void> DeviceClient::close(std::chrono::milliseconds patience) {
    auto promise = std::make_shared<std::promise<void>>();
    close(patience, [promise] { promise->set_value(); });
    return promise->get_future();
}

Operation<DeviceClient::Closed> DeviceClient::close(std::chrono::milliseconds patience, Awaiting) {
    return Operation<Closed>([this, patience](const Operation<Closed>::Done& done) {
        close(patience, [done] { done(Closed{}); });
    });
}

void DeviceClient::after(std::chrono::milliseconds delay, std::function<void(bool)> done) {
    impl_->runner().post([delay, done = std::move(done)](DeviceRunner& self) { self.after(delay, done); });
}

Operation<bool> DeviceClient::after(std::chrono::milliseconds delay, Awaiting) {
    return Operation<bool>([this, delay](Operation<bool>::Done done) { after(delay, std::move(done)); });
}

void DeviceClient::send(TelemetryMessage message, std::function<void(const Delivery&)> done) {
    auto bag = client::bag_of(message);
    if (!bag) return done({MessageFate::not_sent, bag.error().code, bag.error().detail});
    const std::size_t bytes = bag->size() + message.body.size();
    if (!impl_->runner().take_place(bytes)) {
        return done({MessageFate::not_sent, Errc::throttling_backlog_limit_exceeded,
                     "too many messages wait for the hub"});
    }
    // The runner calls back at the latest when it is shut, so it is there.
    DeviceRunner& runner = impl_->runner();
    client::TelemetryEntry entry;
    entry.bag = *std::move(bag);
    entry.body = std::move(message.body);
    entry.done = [&runner, bytes, done = std::move(done)](const Delivery& delivery) {
        runner.give_place(bytes);
        done(delivery);
    };
    auto given = std::make_shared<client::TelemetryEntry>(std::move(entry));
    runner.post([given = std::move(given)](DeviceRunner& self) {
        self.with_agent([&given](DeviceAgent& agent, TimePoint now) { agent.send(std::move(*given), now); });
    });
}

std::future<Delivery> DeviceClient::send(TelemetryMessage message) {
    auto [future, keep] = promised<Delivery>();
    send(std::move(message), std::move(keep));
    return std::move(future);
}

Operation<Delivery> DeviceClient::send(TelemetryMessage message, Awaiting) {
    return Operation<Delivery>([this, message = std::move(message)](Operation<Delivery>::Done done) mutable {
        send(std::move(message), std::move(done));
    });
}

void DeviceClient::get_twin(std::function<void(const Result<std::string>&)> done) {
    const auto ask = [](DeviceAgent& agent, client::TwinRequests::Done answered, TimePoint now) {
        agent.get_twin(std::move(answered), now);
    };
    impl_->twin_request(ask, [done = std::move(done)](const Result<TwinReply>& reply) {
        if (!reply) return done(fail(reply.error()));
        done(reply->body);
    });
}

std::future<Result<std::string>> DeviceClient::get_twin() {
    auto [future, keep] = promised<Result<std::string>>();
    get_twin(std::move(keep));
    return std::move(future);
}

Operation<Result<std::string>> DeviceClient::get_twin(Awaiting) {
    using Asked = Operation<Result<std::string>>;
    return Asked([this](Asked::Done done) { get_twin(std::move(done)); });
}

void DeviceClient::report(std::string patch_json, std::function<void(const Result<std::int64_t>&)> done) {
    const auto document = JsonDocument::parse(patch_json);
    if (!document || !document->root().is_object()) {
        return done(fail(Errc::argument_invalid, "the patch is not a JSON object"));
    }
    const auto ask = [patch = std::move(patch_json)](DeviceAgent& agent, client::TwinRequests::Done answered,
                                                     TimePoint now) {
        agent.report(patch, std::move(answered), now);
    };
    impl_->twin_request(ask, [done = std::move(done)](const Result<TwinReply>& reply) {
        if (!reply) return done(fail(reply.error()));
        done(reply->version);
    });
}

std::future<Result<std::int64_t>> DeviceClient::report(std::string patch_json) {
    auto [future, keep] = promised<Result<std::int64_t>>();
    report(std::move(patch_json), std::move(keep));
    return std::move(future);
}

Operation<Result<std::int64_t>> DeviceClient::report(std::string patch_json, Awaiting) {
    using Reported = Operation<Result<std::int64_t>>;
    return Reported([this, patch = std::move(patch_json)](Reported::Done done) mutable {
        report(std::move(patch), std::move(done));
    });
}

}  // namespace carillon
