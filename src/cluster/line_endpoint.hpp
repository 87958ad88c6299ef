#pragma once

#include "base/log_rate.hpp"
#include "cluster/line_hello.hpp"
#include "net/channel.hpp"
#include "net/io_thread.hpp"
#include "net/stranger_counts.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carillon {

/// Where other nodes bring the connections that they accepted, each as a TLS connection of its own (a line).
/// The other end proves by its certificate that it is a node of the cluster; what it says of its peer is
/// taken as its word. From then on the connection is served as if the peer had come here. Used from all
/// threads.
class LineEndpoint final : public ConnectionFactory {
public:
    struct Options {
        std::string node_domain;       ///< How the names of all nodes end (`node_domain`).
        std::int64_t incarnation = 0;  ///< Of this start.
        /// Who serves what comes, by `LineService`; null for nobody. They outlive it.
        ConnectionFactory* mqtt = nullptr;
        ConnectionFactory* https = nullptr;
        ConnectionFactory* amqp = nullptr;
        ConnectionFactory* calls = nullptr;
        /// Whether this start of a node may ask; null: each may. Any thread.
        std::function<bool(std::string_view node, std::int64_t incarnation)> may_ask{};
        StrangerCounts* strangers = nullptr;
        LineVersions versions{};  ///< For tests.
    };

    LineEndpoint(IoThreads& threads, Options options);
    ~LineEndpoint() override;

    struct Figures {
        std::uint64_t open = 0;
        std::uint64_t accepted = 0;  ///< Ever.
    };
    /// Of the connections that other nodes pass on.
    Figures figures() const;

    /// `channel` is a `SocketChannel` that serves TLS.
    void accepted(std::unique_ptr<Channel> channel) override;

private:
    class Greeting;
    std::shared_ptr<void> count();
    ConnectionFactory* service(LineService service) const;
    void refuse(const std::string& peer, const std::string& reason, TimePoint now);

    const Options options_;
    LogRate log_rate_{std::chrono::seconds(10)};
    std::atomic<std::uint64_t> accepted_{0};
    /// Shared, as connections may outlive this object.
    const std::shared_ptr<std::atomic<std::uint64_t>> open_ = std::make_shared<std::atomic<std::uint64_t>>(0);
    /// Of each thread, those that have not said whose connection they bring. Bound:
    /// ConnectionCount::open_max.
    std::vector<std::unordered_map<const Greeting*, std::unique_ptr<Greeting>>> greetings_;
};

}  // namespace carillon
