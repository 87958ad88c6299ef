#pragma once

#include "base/device_id.hpp"
#include "endpoint/amqp/device_proxy.hpp"
#include "model/cloud_message.hpp"
#include "wire/amqp/connection.hpp"
#include "wire/amqp/hub_links.hpp"
#include "wire/amqp/hub_messages.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon::amqp {

class HubConnection;

/// A device or module for which links of a connection speak, on the connection's thread: its links, and the
/// other end of its `DeviceProxy`. It is the identity's connection from its first link to its last.
class HostedDevice {
public:
    /// Answers to twin requests that wait for the link on which they are sent.
    static constexpr std::size_t early_answers_max = 16;

    HostedDevice(HubConnection& connection, const IdentityKey& key);
    ~HostedDevice();
    HostedDevice(const HostedDevice&) = delete;
    HostedDevice& operator=(const HostedDevice&) = delete;

    const IdentityKey& key() const { return key_; }
    DeviceProxy& proxy() const { return *proxy_; }
    std::optional<WallTime> token_end() const { return token_end_; }

    /// What a link that is asked for is, kept while the device is being authenticated.
    struct Asked {
        LinkId id = 0;
        LinkKind kind = LinkKind::unknown;
        std::string model_id;
        std::string client_version;
    };
    /// Accepts the link or refuses it, now or later; the connection asks for one at a time.
    void open(Asked asked);

    // --- for the handlers of its links ---------------------------------------------------------------
    void attached(LinkKind kind, LinkId link);
    void detached(LinkKind kind, LinkId link);
    void ask_twin(const Receipt& receipt, TwinRequest request);
    void cloud_credit_changed(CloudLane lane);
    void cloud_message_disposed(const Disposal& disposal);

    // --- from the proxy ------------------------------------------------------------------------------
    void connected(const Result<>& result, Duration wait, KeyTag key, std::optional<WallTime> token_end);
    void renewed(const Result<>& result, KeyTag key, std::optional<WallTime> token_end);
    /// Takes the request and answers it.
    void answer_twin(const Receipt& receipt, std::string_view correlation_id, int status,
                     std::optional<std::int64_t> version, std::string_view body);
    void refuse_twin(const Receipt& receipt, std::string_view correlation_id, const Error& error);
    void send_method(std::uint16_t request_id, std::string_view name, std::string_view payload);
    void send_desired(std::int64_t version, std::string_view body);
    void send_cloud_message(CloudLane lane, const LockToken& lock, std::string_view message);
    /// The hub ends it.
    void closed(Errc reason);

    /// Its token's time is over: a newer one is tried, or it ends.
    void token_ended();

private:
    /// Links of these kinds, of which there is one each: 0 if there is none.
    struct Links {
        LinkId devicebound = 0;
        LinkId module_inputs = 0;
        LinkId method_requests = 0;
        LinkId method_responses = 0;
        LinkId twin_requests = 0;
        LinkId twin_responses = 0;
    };
    LinkId* slot(LinkKind kind);
    void accept(const Asked& asked);
    void update_methods();
    void end(const Error& why);
    void send_twin(std::string_view message);
    LinkId lane_link(CloudLane lane) const {
        return lane == CloudLane::inputs ? links_.module_inputs : links_.devicebound;
    }
    void give_cloud_messages_back(CloudLane lane);

    HubConnection& connection_;
    const IdentityKey key_;
    const std::shared_ptr<DeviceProxy> proxy_;
    Links links_;
    std::vector<LinkId> all_links_;  ///< Bound: ConnectionLimits::links_max.
    std::optional<Asked> asked_;
    std::optional<WallTime> token_end_;
    std::deque<std::string> early_answers_;  ///< Bound: early_answers_max.
    struct Given {
        LockToken lock{};
        CloudLane lane = CloudLane::messages;
    };
    /// Cloud-to-device messages that the device has. Bound: ConnectionLimits::unsettled_max.
    std::unordered_map<std::uint64_t, Given> given_;
    std::uint64_t last_given_ = 0;                         ///< The last one's cookie.
    std::array<std::uint64_t, cloud_lanes> cloud_seen_{};  ///< Those that came from the proxy.
    bool is_connecting_ = false;
    bool is_connected_ = false;
    bool is_ended_ = false;
    bool takes_methods_ = false;
    bool is_c_client_ = false;  ///< Gets no payload of a method as an empty body, not as `null`.
};

}  // namespace carillon::amqp
