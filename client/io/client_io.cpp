#include "io/client_io.hpp"

namespace carillon::client {

Result<std::unique_ptr<ClientIo>> ClientIo::open() {
    auto loop = Loop::open();
    if (!loop) return fail(std::move(loop).error());
    return std::unique_ptr<ClientIo>(new ClientIo(*std::move(loop)));
}

Result<std::shared_ptr<const TlsClient>> ClientIo::tls(const TlsSettings& settings) {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<const TlsClient>& known = tls_[settings];
    if (auto shared = known.lock()) return shared;
    auto loaded = TlsClient::load(settings);
    if (loaded) known = *loaded;
    return loaded;
}

}  // namespace carillon::client
