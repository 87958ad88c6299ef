#pragma once

#include "cluster/call_link.hpp"
#include "cluster/shard_map.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// A node's links to all others: on each of its threads one to each node, made when it is first needed. Calls
/// for one shard go by the same thread. Any thread; outlived by `threads`, which have stopped when it ends.
class CallLinks {
public:
    struct Options {
        std::string node_domain;                      ///< How the names of all nodes end (`node_domain`).
        std::uint16_t port = 0;                       ///< At which all nodes are reached.
        std::shared_ptr<const TlsClientContext> tls;  ///< By which this node proves itself.
        std::int64_t incarnation = 0;                 ///< Of this node.
        CallLimits limits{};
    };

    CallLinks(IoThreads& threads, Options options);
    CallLinks(const CallLinks&) = delete;
    CallLinks& operator=(const CallLinks&) = delete;

    /// Which nodes live from now on; what others were asked ends.
    void know(const std::vector<ShardMap::Node>& nodes);
    /// Asks a start of a node. `done` is called once, on `thread_of(head.shard)`, unless that stops before.
    void ask(const ShardMap::Node& node, const CallHead& head, std::string request,
             std::chrono::milliseconds patience, CallLink::Done done);
    IoThread& thread_of(std::uint32_t shard) { return threads_.of_shard(shard); }

private:
    using NodeKey = std::pair<std::string, std::int64_t>;  ///< Name and incarnation.
    struct Known {
        std::string address;
        std::shared_ptr<const Connector> connector;  ///< Null if the address is none.
        std::unique_ptr<CallLink> link;
    };
    /// A thread's own.
    struct OnThread {
        std::map<NodeKey, Known> nodes;  ///< Bound: nodes that live.
        /// Take no more calls, and wait for their last. Bound: CallLimits::calls_ever_max
        std::vector<std::unique_ptr<CallLink>> worn;
    };
    static void take_over(OnThread& mine, std::map<NodeKey, Known> nodes);
    void ask_here(IoThread& thread, const NodeKey& node, const CallHead& head, std::string request,
                  std::chrono::milliseconds patience, CallLink::Done done);

    IoThreads& threads_;
    const Options options_;
    std::vector<std::unique_ptr<OnThread>> on_threads_;  ///< Bound: fixed.
};

}  // namespace carillon
