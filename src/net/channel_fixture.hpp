#pragma once

// A server for tests of channels, whose connections do what a test tells them; no part of the product.

#include "net/listener.hpp"
#include "net/testing.hpp"

#include <gtest/gtest.h>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>

namespace carillon::testing {

/// What the connections of a test saw; the test waits for it.
class Journal {
public:
    void add(const std::string& event) {
        const std::lock_guard lock(mutex_);
        ++counts_[event];
        changed_.notify_all();
    }
    int count(const std::string& event) const {
        const std::lock_guard lock(mutex_);
        const auto found = counts_.find(event);
        return found == counts_.end() ? 0 : found->second;
    }
    /// Ends a run in which something hangs; far beyond what a slow machine needs.
    static constexpr std::chrono::seconds patience{60};
    /// True once `event` happened `times` times; false if it does not for as long as that.
    bool wait(const std::string& event, int times = 1) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] {
            const auto found = counts_.find(event);
            return found != counts_.end() && found->second >= times;
        });
    }

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::map<std::string, int> counts_;
};

/// What a client of TLS says first.
inline std::string client_hello() {
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
    BIO* said = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), said);
    SSL_connect(ssl.get());
    char* data = nullptr;
    const auto size = BIO_get_mem_data(said, &data);
    return {data, static_cast<std::size_t>(size)};
}

class TestServer;

/// One accepted connection. It owns itself until it is closed.
class TestConnection final : public ChannelHandler {
public:
    TestConnection(TestServer& server, std::unique_ptr<Channel> accepted)
        : server_(server), channel(std::move(accepted)) {}
    void handshaken() override;
    void received(Bytes bytes) override;
    void drained() override;
    void ended(Channel& ending) override;
    void closed(Errc reason) override;

private:
    TestServer& server_;

public:
    std::unique_ptr<Channel> channel;
};

/// Listens on a port of its own. Behaviours not set echo what comes.
class TestServer final : public ConnectionFactory {
public:
    struct Options {
        std::size_t threads = 1;
        bool tls = true;
        std::string client_ca = {};
        ChannelLimits limits = {};
    };
    TestServer() : TestServer(Options()) {}
    explicit TestServer(const Options& options) : threads(options.threads, clock) {
        static const TempDir dir;
        static const TlsFiles files = make_server_files(dir);
        TlsFiles with_ca = files;
        with_ca.client_ca = options.client_ca;
        auto context = TlsContext::load(with_ca);
        CARILLON_ASSERT(context.has_value());
        tls = std::make_unique<TlsContexts>(*context);
        auto opened = Listener::open(threads, *this,
                                     {.address = "127.0.0.1",
                                      .port = 0,
                                      .limits = options.limits,
                                      .tls = options.tls ? tls.get() : nullptr});
        CARILLON_ASSERT(opened.has_value());
        listener = *std::move(opened);
        CARILLON_ASSERT(listener->start().has_value());
        threads.start();
    }
    ~TestServer() override {
        threads.stop();
        for (TestConnection* connection : connections_) delete connection;
    }

    std::uint16_t port() const { return listener->port(); }
    void accepted(std::unique_ptr<Channel> channel) override {
        auto* connection = new TestConnection(*this, std::move(channel));
        connection->channel->set_handler(*connection);
        const std::lock_guard lock(mutex_);
        last_ = connection;
        connections_.insert(connection);
    }
    void forget(TestConnection& connection) {
        const std::lock_guard lock(mutex_);
        connections_.erase(&connection);
    }
    /// Runs `what` on the newest connection, on its thread, and waits for it.
    void on_connection(const std::function<void(Channel&)>& what) {
        TestConnection* connection = nullptr;
        {
            const std::lock_guard lock(mutex_);
            connection = last_;
        }
        std::promise<void> done;
        connection->channel->thread().post([&] {
            what(*connection->channel);
            done.set_value();
        });
        done.get_future().wait();
    }
    /// Has every thread go around its loop, where what is due runs.
    void turn() {
        for (std::size_t i = 0; i < threads.size(); ++i) {
            for (int posts = 0; posts < 2; ++posts) {  // The second one runs when the first turn is over.
                std::promise<void> done;
                threads[i].post([&done] { done.set_value(); });
                done.get_future().wait();
            }
        }
    }

    Journal journal;
    SkippingClock clock;
    IoThreads threads;
    std::unique_ptr<TlsContexts> tls;
    std::unique_ptr<Listener> listener;
    // Behaviours; set before the client speaks.
    std::function<void(Channel&)> on_handshaken = [](Channel& channel) { channel.authenticated(); };
    std::function<void(Channel&, Bytes)> on_received = [](Channel& channel, Bytes bytes) {
        EXPECT_TRUE(channel.send(bytes));
    };
    std::function<void(Channel&)> on_ended = [](Channel& channel) { channel.close(); };

private:
    std::mutex mutex_;
    TestConnection* last_ = nullptr;
    std::set<TestConnection*> connections_;
};

inline void TestConnection::handshaken() {
    server_.on_handshaken(*channel);
    server_.journal.add("handshaken");
}
inline void TestConnection::received(Bytes bytes) {
    server_.on_received(*channel, bytes);
    server_.journal.add("received");
}
inline void TestConnection::drained() {
    server_.journal.add("drained");
}
inline void TestConnection::ended(Channel& ending) {
    server_.on_ended(ending);
    server_.journal.add("ended");
}
inline void TestConnection::closed(Errc reason) {
    Journal& journal = server_.journal;
    server_.forget(*this);
    delete this;
    journal.add("closed " + std::to_string(static_cast<int>(reason)));
}

}  // namespace carillon::testing
