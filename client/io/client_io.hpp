#pragma once

#include "base/random.hpp"
#include "base/result.hpp"
#include "io/loop.hpp"
#include "io/resolver.hpp"
#include "io/tls_client.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace carillon::client {

/// What the device clients of one event loop share.
class ClientIo {
public:
    /// Fails with `io_failed`.
    static Result<std::unique_ptr<ClientIo>> open();

    Loop& loop() { return *loop_; }
    Resolver& resolver() { return resolver_; }
    Random& random() { return random_; }
    /// One context for all clients of the same settings, as the system's authorities alone take a
    /// megabyte. Any thread. Fails as `TlsClient::load` does.
    Result<std::shared_ptr<const TlsClient>> tls(const TlsSettings& settings);

private:
    explicit ClientIo(std::unique_ptr<Loop> loop) : loop_(std::move(loop)), resolver_(*loop_) {}

    std::unique_ptr<Loop> loop_;
    Resolver resolver_;
    SystemRandom random_;
    std::mutex mutex_;  ///< Guards `tls_`.
    std::map<TlsSettings, std::weak_ptr<const TlsClient>> tls_;
};

}  // namespace carillon::client
