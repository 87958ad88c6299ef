#pragma once

// A hub that is asked over mutual TLS on sockets, as another node is, for tests; no part of the product.

#include "cluster/call_fixture.hpp"
#include "cluster/owner_calls.hpp"
#include "core/testing/test_hub.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace carillon::testing {

inline constexpr std::int64_t epoch_of_shards = 4;
inline const OwnPlace asked_node{"n1", CalledNode::incarnation};
inline const OwnPlace asking_node{"n2", 1};

/// A map that tests exchange while nodes read it.
class TestMap {
public:
    TestMap() { own(asked_node); }
    /// All shards are on that node from now on; on none if it has no name.
    void own(const OwnPlace& owner, std::int64_t epoch = epoch_of_shards) {
        ShardMap next;
        next.shards.assign(2, {owner.node, owner.incarnation, epoch});
        if (!owner.node.empty()) next.nodes.push_back({owner.node, owner.incarnation, "127.0.0.1"});
        set(std::move(next));
    }
    void set(ShardMap next) {
        const std::lock_guard lock(mutex_);
        map_ = std::make_shared<const ShardMap>(std::move(next));
    }
    ReadShardMap reader() {
        return [this] {
            const std::lock_guard lock(mutex_);
            return map_;
        };
    }

private:
    std::mutex mutex_;
    std::shared_ptr<const ShardMap> map_;
};

/// Counts the calls, and loses calls and answers.
class LossyCalls final : public CallService {
public:
    explicit LossyCalls(CallService& behind) : behind_(behind) {}
    void call(const CallHead& head, std::chrono::milliseconds time_left, std::string request,
              CallAnswer answer) override {
        ++calls;
        if (calls_dropped > 0) {
            --calls_dropped;
            return answer.begin();  // And it is lost.
        }
        const bool is_lost = answers_lost > 0;
        if (is_lost) --answers_lost;
        if (!is_lost) return behind_.call(head, time_left, std::move(request), std::move(answer));
        // It is carried out, and nobody hears of it.
        answer.begin();
        behind_.call(head, time_left, std::move(request), CallAnswer([](CallAnswer::Reply) {}));
    }
    std::atomic<int> calls{0};
    std::atomic<int> answers_lost{0};
    std::atomic<int> calls_dropped{0};  ///< Nothing of them is carried out.

private:
    CallService& behind_;
};

/// A hub in this thread, a node whose calls reach it, and another one that asks. Tests derive from it, and
/// say who serves calls.
class CalledHubTest : public ::testing::Test {
protected:
    CalledHubTest() {
        links_.know({{asked_node.node, asked_node.incarnation, "127.0.0.1"}});
        asking_.start();
    }
    ~CalledHubTest() override { stop_nodes(); }
    void stop_nodes() {
        asking_.stop();
        called_.stop();
    }

    /// For results without an empty state.
    template <class T>
    static Task<std::optional<T>> held(Task<T> task) {
        co_return std::optional<T>(co_await std::move(task));
    }
    /// Waits for what another thread has a part in; nothing if it does not end.
    template <class T>
    std::optional<T> run(Task<T> task) {
        const auto result = hub_.begin(held(std::move(task)));
        if (!until([&] { return result->has_value(); })) return std::nullopt;
        return *std::move(*result);
    }
    /// Runs the hub until `is_so`; false if that does not come.
    template <class IsSo>
    bool until(IsSo is_so) {
        const auto end = std::chrono::steady_clock::now() + Journal::patience;
        while (!is_so() && std::chrono::steady_clock::now() < end) {
            hub_.settle();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return is_so();
    }

    TestMap asked_map_;  ///< As the node knows it that is asked.
    TestMap asking_map_;
    ManualClock hub_clock_{WallTime::from_unix_s(1'790'000'000)};
    MemoryStore store_;
    TestHub hub_{store_, hub_clock_};
    const NodeCertificates certificates_;
    OwnedCalls owned_{asked_node, asked_map_.reader()};
    LossyCalls lossy_{owned_};
    CalledNode called_{certificates_, asked_node.node, lossy_};
    SystemClock clock_;
    IoThreads asking_{2, clock_};
    CallLinks links_{asking_,
                     {.node_domain = NodeCertificates::domain(),
                      .port = called_.port(),
                      .tls = certificates_.client(asking_node.node),
                      .incarnation = asking_node.incarnation}};
    OwnerCalls::Options options_{.self = asking_node, .read_map = asking_map_.reader()};
    OwnerCalls owners_{links_, options_};
};

}  // namespace carillon::testing
