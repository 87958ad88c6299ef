#pragma once

// Nodes that call each other over sockets of this machine, for tests; no part of the product.

#include "cluster/call_link.hpp"
#include "cluster/line_endpoint.hpp"
#include "cluster/node_name.hpp"
#include "net/channel_fixture.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace carillon::testing {

/// The authority of a cluster, and certificates by it.
class NodeCertificates {
public:
    static constexpr const char* cluster = "0123456789abcdef0123456789abcdef";

    NodeCertificates() { ca_.save(ca(), dir_.file("ca-key.pem")); }

    std::string ca() const { return dir_.file("ca.pem"); }
    static std::string domain() { return node_domain(cluster); }
    TlsFiles::KeyPair pair(const std::string& node) const { return pair_for(node, node_name(cluster, node)); }
    /// Of another name, signed by the same authority.
    TlsFiles::KeyPair pair_for(const std::string& file, const std::string& name) const {
        const TlsFiles::KeyPair pair{dir_.file(file + ".pem"), dir_.file(file + "-key.pem")};
        TestCertificate::make(name, TestCertificate::Kind::ecdsa, &ca_).save(pair.certificate, pair.key);
        return pair;
    }
    std::shared_ptr<const TlsClientContext> client(const std::string& node) const {
        return TlsClientContext::load(ca(), pair(node)).value();
    }

private:
    const TempDir dir_;
    const TestCertificate ca_ = TestCertificate::make("an authority");
};

/// A node that others call, on a port and threads of its own.
class CalledNode {
public:
    static constexpr std::int64_t incarnation = 3;
    /// Of the node `n2`: a start that may not ask any more.
    static constexpr std::int64_t dead_incarnation = 11;

    CalledNode(const NodeCertificates& certificates, const std::string& name, CallService& service,
               const CallLimits& limits = {}, const std::string& address = "127.0.0.1",
               std::uint16_t port = 0)
        : threads(2, clock_),
          tls_(TlsContext::load(
                   {.key_pairs = {certificates.pair(name)}, .client_ca = certificates.ca(), .client_crl = {}})
                   .value()),
          calls(threads, service, limits),
          lines(threads, line_options()) {
        Listener::Options wanted{.address = address, .port = port, .tls = &tls_};
        wanted.limits.strangers = &strangers_;
        listener_ = Listener::open(threads, lines, std::move(wanted)).value();
        EXPECT_TRUE(listener_->start());
        threads.start();
    }
    ~CalledNode() { stop(); }
    CalledNode(const CalledNode&) = delete;
    CalledNode& operator=(const CalledNode&) = delete;

    std::uint16_t port() const { return listener_->port(); }
    /// Ends all connections.
    void stop() {
        if (!std::exchange(is_there_, false)) return;
        listener_->stop();
        for (std::size_t i = 0; i < threads.size(); ++i) {
            std::promise<void> done;
            threads[i].post([&] {
                threads[i].abort_connections();
                done.set_value();
            });
            done.get_future().wait();
        }
        threads.stop();
    }

private:
    LineEndpoint::Options line_options() {
        LineEndpoint::Options options;
        options.node_domain = NodeCertificates::domain();
        options.incarnation = incarnation;
        options.calls = &calls;
        options.may_ask = [](std::string_view node, std::int64_t asking) {
            return node != "n2" || asking != dead_incarnation;
        };
        options.strangers = &strangers_;
        return options;
    }

    SystemClock clock_;
    StrangerCounts strangers_;
    bool is_there_ = true;

public:
    IoThreads threads;

private:
    TlsContexts tls_;

public:
    CallEndpoint calls;
    LineEndpoint lines;

private:
    std::unique_ptr<Listener> listener_;
};

}  // namespace carillon::testing
