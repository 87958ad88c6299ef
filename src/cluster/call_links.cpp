#include "cluster/call_links.hpp"

#include "base/log.hpp"

#include <algorithm>

namespace carillon {

CallLinks::CallLinks(IoThreads& threads, Options options) : threads_(threads), options_(std::move(options)) {
    for (std::size_t i = 0; i < threads.size(); ++i) on_threads_.push_back(std::make_unique<OnThread>());
}

void CallLinks::know(const std::vector<ShardMap::Node>& nodes) {
    std::map<NodeKey, std::pair<std::string, std::shared_ptr<const Connector>>> found;
    for (const ShardMap::Node& node : nodes) {
        std::shared_ptr<const Connector> connector;
        if (auto server = resolve(node.address, options_.port)) {
            Connector::Settings settings{.server = *server,
                                         .host_name = node.name + options_.node_domain,
                                         .tls = options_.tls,
                                         .limits = {}};
            connector = std::make_shared<const Connector>(std::move(settings));
        } else {
            log.warn("a node cannot be asked, as its address is none node={} address={}", node.name,
                     node.address);
        }
        found.emplace(NodeKey(node.name, node.incarnation), std::pair(node.address, std::move(connector)));
    }
    for (std::size_t i = 0; i < threads_.size(); ++i) {
        std::map<NodeKey, Known> known;
        for (const auto& [key, at] : found) known.emplace(key, Known{at.first, at.second, nullptr});
        threads_[i].post([&mine = *on_threads_[i], held = std::move(known)]() mutable {
            take_over(mine, std::move(held));
        });
    }
}

/// Links to nodes that are as they were stay; the others end here.
void CallLinks::take_over(OnThread& mine, std::map<NodeKey, Known> nodes) {
    for (auto& [key, known] : nodes) {
        const auto before = mine.nodes.find(key);
        if (before == mine.nodes.end() || before->second.address != known.address) continue;
        known = std::move(before->second);
    }
    mine.nodes = std::move(nodes);
}

void CallLinks::ask(const ShardMap::Node& node, const CallHead& head, std::string request,
                    std::chrono::milliseconds patience, CallLink::Done done) {
    IoThread& thread = thread_of(head.shard);
    thread.post([this, &thread, key = NodeKey(node.name, node.incarnation), head, held = std::move(request),
                 patience, then = std::move(done)]() mutable {
        ask_here(thread, key, head, std::move(held), patience, std::move(then));
    });
}

void CallLinks::ask_here(IoThread& thread, const NodeKey& node, const CallHead& head, std::string request,
                         std::chrono::milliseconds patience, CallLink::Done done) {
    OnThread& mine = *on_threads_[thread.number()];
    std::erase_if(mine.worn, [](const auto& link) { return link->calls() == 0; });
    const auto found = mine.nodes.find(node);
    if (found == mine.nodes.end() || found->second.connector == nullptr) {
        return done({.how = CallEnd::How::unsent, .epoch = 0, .body = "the node is not known"});
    }
    Known& known = found->second;
    if (known.link != nullptr && known.link->is_worn()) mine.worn.push_back(std::move(known.link));
    if (known.link == nullptr) {
        CallLink::Options options;
        options.connector = known.connector;
        options.incarnation = node.second;
        options.own_incarnation = options_.incarnation;
        options.limits = options_.limits;
        known.link = std::make_unique<CallLink>(thread, std::move(options));
    }
    known.link->ask(head, std::move(request), patience, std::move(done));
}

}  // namespace carillon
