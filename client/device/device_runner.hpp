#pragma once

#include "carillon/device_client.hpp"
#include "device/device_agent.hpp"
#include "device/device_link.hpp"
#include "device/device_plan.hpp"
#include "io/client_io.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace carillon::client {

/// An agent at work: gives it a line, the time and the application's handlers. Belongs to its loop's thread
/// but for what says otherwise; destroyed anywhere once it is shut.
class DeviceRunner final : public std::enable_shared_from_this<DeviceRunner>,
                           private AgentHost,
                           private StreamHandler {
public:
    using MethodHandler = std::function<void(const MethodRequest&, MethodReply)>;
    struct Handlers {
        std::function<void(const ConnectionStatus&)> status;
        std::map<std::string, MethodHandler> methods;
        std::function<void(const DesiredProperties&)> desired;
        std::function<MessageAnswer(const HubToDeviceMessage&)> message;
    };

    DeviceRunner(ClientIo& io, DevicePlan plan, const DeviceOptions& options,
                 std::shared_ptr<const TlsClient> tls);

    // --- any thread --------------------------------------------------------------------------------
    const DevicePlan& plan() const { return plan_; }
    /// Calls `function` on the loop's thread. False, and it is not, once the runner is shut.
    bool post(std::function<void(DeviceRunner&)> function);
    /// Counts a message in, if there is room for one more of so many bytes.
    bool take_place(std::size_t bytes);
    void give_place(std::size_t bytes);
    bool take_twin_place();
    void give_twin_place() { --twin_requests_; }
    /// Gives everything up; no handler is called once this returns.
    void shut();

    // --- on the loop's thread ----------------------------------------------------------------------
    Handlers& handlers() { return handlers_; }
    /// Has the agent do something, and looks after its deadline.
    template <class Step>
    void with_agent(Step step) {
        step(agent_, io_.loop().now());
        arm();
    }
    /// Calls `done` once the client is connected, has stopped or is closed.
    void when_connected(std::function<void(const Result<>&)> done);
    void when_closed(std::function<void()> done);
    /// Calls `done` with true once `delay` is over, or with false once the client is closed.
    void after(Duration delay, std::function<void(bool)> done);

private:
    struct Wait {
        std::function<void(bool)> done;
        Loop::Timer timer;
    };

    // --- AgentHost ---------------------------------------------------------------------------------
    void open_link() override;
    void send(std::string_view bytes) override;
    std::size_t unsent() const override { return link_ ? link_->unsent() : 0; }
    void close_link() override;
    std::string new_token() override;
    std::uint64_t chance() override { return io_.random().u64(); }
    void status_changed(const ConnectionStatus& status) override;
    void method_called(const MethodRequest& request, std::uint64_t call) override;
    void desired_changed(const DesiredProperties& desired) override;
    MessageAnswer message_received(const HubToDeviceMessage& message) override;

    // --- StreamHandler -----------------------------------------------------------------------------
    void opened() override;
    void received(Bytes bytes) override;
    void drained() override;
    void closed(const Error& reason) override;

    MethodReply reply_to(std::uint64_t call);
    void tell_waiting(const ConnectionStatus& status);
    void arm();
    void finish();

    ClientIo& io_;
    const DevicePlan plan_;
    const std::chrono::seconds token_lifetime_;
    const std::size_t messages_max_;
    const std::size_t message_bytes_max_;
    const LinkSettings link_settings_;
    Handlers handlers_;
    std::unique_ptr<DeviceLink> link_;
    DeviceAgent agent_;
    std::optional<Loop::Timer> timer_;
    TimePoint timer_at_{};
    std::vector<std::function<void(const Result<>&)>> connect_waiters_;
    std::vector<std::function<void()>> close_waiters_;
    std::list<Wait> waits_;
    bool is_silent_ = false;  ///< No handler is to be called any more.

    std::atomic<std::size_t> messages_{0};
    std::atomic<std::size_t> message_bytes_{0};
    std::atomic<std::size_t> twin_requests_{0};
    std::mutex mutex_;  ///< Guards `is_shut_`: while it is held and that is false, the loop is there.
    bool is_shut_ = false;
};

}  // namespace carillon::client
