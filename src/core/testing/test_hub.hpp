#pragma once

// A hub in one thread over memory, for tests of what is in core/ and above; no part of the product.

#include "core/configurations/configurations.hpp"
#include "core/events/events.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/hub_options.hpp"
#include "core/jobs/jobs.hpp"
#include "core/messages/messages.hpp"
#include "core/provisioning/provisioning.hpp"
#include "core/queries/queries.hpp"
#include "core/shard/telemetry.hpp"
#include "store/memory_store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon::testing {

/// Storage work that waits until the test runs it, so that a test can look, or crash, in between.
class SteppedStorage final : public StorageExecutor {
public:
    void run(UniqueFunction<void()> work) override { queue_.push_back(std::move(work)); }
    bool step() {
        if (queue_.empty()) return false;
        auto work = std::move(queue_.front());
        queue_.pop_front();
        work();
        return true;
    }
    std::size_t waiting() const { return queue_.size(); }

private:
    std::deque<UniqueFunction<void()>> queue_;
};

/// A device's connection that records what the hub sent it.
class FakeLink : public DeviceLink {
public:
    bool takes_method(std::string_view) const override { return subscribed_to_methods; }
    void send_method(std::uint16_t id, std::string_view name, std::string_view payload) override {
        methods.push_back({id, std::string(name), std::string(payload)});
        if (on_method) on_method(methods.back());
    }
    bool takes_desired() const override { return subscribed_to_desired; }
    void send_desired(std::int64_t version, std::string_view body) override {
        desired.emplace_back(version, std::string(body));
    }
    bool is_congested() const override { return congested; }
    void close(Errc reason) override { closed = reason; }

    struct Call {
        std::uint16_t id;
        std::string name;
        std::string payload;
    };
    std::vector<Call> methods;
    std::vector<std::pair<std::int64_t, std::string>> desired;
    std::optional<Errc> closed;
    bool subscribed_to_methods = true;
    bool subscribed_to_desired = true;
    bool congested = false;
    std::function<void(const Call&)> on_method;
};

/// A hub over `store`, which may outlive it: destroy the hub and make another for a crash and restart.
class TestHub {
public:
    TestHub(Store& store, ManualClock& clock, std::size_t shard_count = 2, JobEngineLimits limits = {},
            std::uint64_t seed = 1, const HubOptions& options = {}, const TwinIndexLimits& index = {})
        : clock_(clock), random_(seed) {
        std::vector<std::unique_ptr<Shard>> shards;
        for (std::size_t i = 0; i < shard_count; ++i) {
            ShardContext context{.executor = io_.get_executor(),
                                 .background = io_.get_executor(),
                                 .clock = clock,
                                 .random = random_,
                                 .store = store,
                                 .storage = storage_,
                                 .shard_count = shard_count,
                                 .telemetry = {},
                                 .index = index};
            shards.push_back(std::make_unique<Shard>(static_cast<std::uint32_t>(i), context));
        }
        auto policies = Policies::load_or_create(store, random_);
        CARILLON_ASSERT(policies);
        hub_ =
            std::make_unique<Hub>(std::move(shards), *std::move(policies),
                                  std::vector<std::string>{"hub.example.net"}, limits, "token key", options);
        for (std::size_t i = 0; i < shard_count; ++i) CARILLON_ASSERT(hub_->shards()[i].load());
        CARILLON_ASSERT(hub_->messages().load());
        CARILLON_ASSERT(hub_->jobs().load());
        CARILLON_ASSERT(hub_->configurations().load());
        hub_->events().use(storage_);
        CARILLON_ASSERT(hub_->events().load());
        CARILLON_ASSERT(hub_->provisioning().load());
        hub_->jobs().start();
        hub_->configurations().start();
    }

    Hub& operator*() { return *hub_; }
    Hub* operator->() { return hub_.get(); }
    SteppedStorage& storage() { return storage_; }
    boost::asio::io_context& io() { return io_; }

    /// Runs what is ready on the loop, storage work aside.
    void poll() {
        io_.restart();
        io_.poll();
    }
    /// Runs everything that is ready until nothing is, storage work included; time stands still.
    void settle() {
        do {
            poll();
        } while (storage_.step());
    }
    /// Lets `by` pass in one step, firing what falls due, and settles.
    void advance(std::chrono::milliseconds by) {
        clock_.advance(by);
        for (std::size_t i = 0; i < hub_->shards().count(); ++i)
            hub_->shards()[i].timers().run_due(clock_.now());
        settle();
    }
    /// Runs a task to its end, settling as it goes. Time stands still, so it must not wait for any.
    template <class T>
    T run(Task<T> task) {
        auto result = begin(std::move(task));
        settle();
        CARILLON_ASSERT(result->has_value());
        return std::move(**result);
    }
    /// Starts a task; the result appears when it is there.
    template <class T>
    std::shared_ptr<std::optional<T>> begin(Task<T> task) {
        auto result = std::make_shared<std::optional<T>>();
        boost::asio::co_spawn(io_, std::move(task), [result](std::exception_ptr error, T value) {
            if (error) std::rethrow_exception(error);
            result->emplace(std::move(value));
        });
        return result;
    }

    /// Registers a device with minted keys.
    Record& add_device(std::string_view id) {
        const auto key = IdentityKey::parse(id);
        CARILLON_ASSERT(key);
        auto& shard = hub_->shards().owner(key->device);
        auto added = run(shard.put_identity(*key, "{}", EtagMatch{}));
        CARILLON_ASSERT(added);
        return *shard.directory().find(*key);
    }
    Record* find(std::string_view id, std::string_view module = {}) {
        const auto key = IdentityKey::parse(id, module);
        return key ? hub_->shards().owner(key->device).directory().find(*key) : nullptr;
    }

private:
    /// Outlives the hub, whose callbacks hold coroutines that hold its executor.
    boost::asio::io_context io_;
    ManualClock& clock_;
    SeededRandom random_;
    SteppedStorage storage_;
    std::unique_ptr<Hub> hub_;
};

}  // namespace carillon::testing
