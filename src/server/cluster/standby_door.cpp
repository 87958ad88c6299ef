#include "server/cluster/standby_door.hpp"

#include "base/log.hpp"
#include "server/certificates/hub_certificates.hpp"
#include "server/process/descriptors.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace carillon {

void StandbyDoor::follow(const std::optional<NodeRow>& owner, const DataDir& data_dir) {
    const auto now = std::chrono::steady_clock::now();
    if (!door_ && now >= retry_at_) {
        retry_at_ = now + retry_pause;
        const auto opened = open(data_dir);
        if (!opened && !std::exchange(has_told_, true)) {
            log.warn("this node passes no connections on, as it cannot listen reason={}",
                     opened.error().detail);
        }
    }
    if (!door_) return;
    if (!owner || is_wildcard(owner->address)) return door_->lead_to(std::nullopt);
    door_->lead_to(DoorTarget{.address = owner->address,
                              .port = links_.port,
                              .name = owner->incarnation.node + links_.domain,
                              .incarnation = owner->incarnation.number});
}

Result<> StandbyDoor::open(const DataDir& data_dir) {
    const auto found = find_certificates(config_, data_dir);
    if (!found) return fail(found.error());
    auto context = TlsContext::load(found->files);
    if (!context) return fail(std::move(context).error());
    auto lines = TlsClientContext::load(links_.ca, links_.own);
    if (!lines) return fail(std::move(lines).error());
    tls_ = std::make_unique<TlsContexts>(*std::move(context));
    Door::Options options;
    options.addresses = config_.bind.empty() ? std::vector<std::string>{"127.0.0.1"} : config_.bind;
    options.services = {{LineService::mqtt, config_.mqtts_port}, {LineService::https, config_.https_port}};
    if (config_.amqps_port != 0) options.services.push_back({LineService::amqp, config_.amqps_port});
    options.tls = tls_.get();
    options.lines = *std::move(lines);
    options.threads =
        config_.threads != 0 ? config_.threads : std::max(1U, std::thread::hardware_concurrency());
    // Each takes two descriptors.
    options.connections_max =
        share_descriptors(descriptors_of_process(), 2 * config_.connections_open_max).connections / 2;
    options.unknown_per_address_max = config_.connections_unknown_per_address_max;
    auto opened = Door::open(std::move(options));
    if (!opened) return fail(std::move(opened).error());
    const std::lock_guard lock(mutex_);
    door_ = *std::move(opened);
    return {};
}

Result<> StandbyDoor::reload(const ServerConfig& config, const DataDir& data_dir) {
    ServerConfig next = config_;
    next.tls_certificate = config.tls_certificate;
    next.tls_key = config.tls_key;
    next.tls_client_ca = config.tls_client_ca;
    next.tls_client_crl = config.tls_client_crl;
    const auto found = find_certificates(next, data_dir);
    if (!found) return fail(found.error());
    auto context = TlsContext::load(found->files);
    if (!context) return fail(std::move(context).error());
    if (tls_) tls_->replace(*std::move(context));
    config_ = std::move(next);
    return {};
}

void StandbyDoor::close(std::chrono::milliseconds patience) {
    std::unique_ptr<Door> closing;
    {
        const std::lock_guard lock(mutex_);
        closing = std::move(door_);
    }
    if (closing) closing->close(patience);
}

std::optional<DoorFigures> StandbyDoor::figures() const {
    const std::lock_guard lock(mutex_);
    if (!door_) return std::nullopt;
    return door_->figures();
}

}  // namespace carillon
