#pragma once

#include "base/key_tag.hpp"
#include "base/task.hpp"
#include "core/hub/policies.hpp"
#include "core/hub/token_revocations.hpp"
#include "core/shard/committer.hpp"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace carillon {

class PageTokens;
class Shard;
class ShardPort;
class Shards;

/// Where the hub's secret for continuation tokens and sessions is kept, in the `meta` table.
inline constexpr std::string_view stored_token_key = "token-key";

/// Makes and removes the hub's policies while it runs, and makes its secrets new: the keys of policies, and
/// its token key. What is new is durable before it is answered or used; a crash leaves the old or the new.
/// Any thread.
class HubKeys {
public:
    /// What the program does besides, once a key is new.
    struct Outside {
        /// Ends the connections that stand on any of these. Quick, from shard 0's thread.
        std::function<void(std::vector<KeyTag>)> end_connections;
        /// Takes over the token key for what it signs outside the core. The same.
        std::function<void(std::string_view)> take_token_key;
        /// Tells the commands on the hub's machine of the new keys. Blocking, on `storage`.
        std::function<Result<>()> tell_machine;
        StorageExecutor* storage = nullptr;
    };

    /// All of these outlive it.
    HubKeys(Shards& shards, ShardPort& port, Policies& policies, PageTokens& tokens)
        : shards_(shards), port_(port), policies_(policies), tokens_(tokens) {}
    /// Before the threads run; without it nothing else is done.
    void use(Outside outside) { outside_ = std::move(outside); }

    /// Reads the revocations of tokens. Before the threads run.
    Result<> load();
    const TokenRevocations& revocations() const { return revocations_; }
    /// Refuses tokens for the device and its modules that end at or before `up_to`, and ends their
    /// connections: who has another credential comes back. Fails as `TokenRevocations::stage`, with
    /// `device_not_found`, `service_unavailable`.
    Task<Result<>> revoke_tokens(DeviceId device, WallTime up_to, std::string by);
    /// Takes a revocation back; harmless if there is none. Fails with `service_unavailable`.
    Task<Result<>> lift_revocation(DeviceId device, std::string by);

    /// Renews a key of the policy `name`, and ends what stands on the old one; `by` is for the log. Fails
    /// with `generic_not_found`, `service_unavailable`.
    Task<Result<Policies::Shared>> renew(std::string name, PolicyRenewal what, std::string by);
    /// Makes a policy, or gives the one of this name exactly these rights: it keeps its keys, and what stands
    /// on it ends. Fails as `Policies::admit`, and with `service_unavailable`.
    Task<Result<Policies::Shared>> put(std::string name, AccessRights rights, std::string by);
    /// Removes a policy, and ends what stands on it. Fails as `put`, and with `generic_not_found`.
    Task<Result<>> remove(std::string name, std::string by);
    /// Renews the token key: continuation tokens, sessions and links made before are void. Fails with
    /// `service_unavailable`.
    Task<Result<>> renew_token_key(std::string by);

private:
    Task<Result<Policies::Shared>> renew_here(std::string name, PolicyRenewal what, std::string by);
    Task<Result<Policies::Shared>> put_here(std::string name, AccessRights rights, std::string by);
    Task<Result<>> remove_here(std::string name, std::string by);
    Task<Result<>> renew_token_key_here(std::string by);
    Task<Result<>> revoke_here(DeviceId device, WallTime up_to, std::string by);
    Task<Result<>> lift_here(DeviceId device, std::string by);
    /// Ends what stands on any key of a policy.
    void end(const SharedAccessPolicy& policy) const;
    Task<> take_turn();
    Task<> tell_machine();

    Shards& shards_;
    ShardPort& port_;
    Policies& policies_;
    PageTokens& tokens_;
    Outside outside_;
    TokenRevocations revocations_;
    bool is_busy_ = false;  ///< One at a time, as each is made of what the one before left.
};

}  // namespace carillon
