#include "core/hub/hub_keys.hpp"

#include "base/await.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "core/port/shard_port.hpp"
#include "core/scan/page_tokens.hpp"
#include "core/shard/shards.hpp"

#include <fmt/format.h>
#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {

namespace {

std::string_view name_of(PolicyRenewal what) {
    switch (what) {
        case PolicyRenewal::primary:
            return "primary";
        case PolicyRenewal::secondary:
            return "secondary";
        case PolicyRenewal::swap:
            break;
    }
    return "swap";
}

Error no_policy(std::string_view name) {
    return {Errc::generic_not_found, fmt::format("There is no shared access policy '{}'.", name)};
}

/// The turn that `take_turn` took, to the end of its block.
struct Turn {
    explicit Turn(bool& busy) : is_busy(busy) {}
    ~Turn() { is_busy = false; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    bool& is_busy;
};

}  // namespace

Task<Result<Policies::Shared>> HubKeys::renew(std::string name, PolicyRenewal what, std::string by) {
    auto renewal = renew_here(std::move(name), what, std::move(by));
    co_return co_await shards_.on(shards_.first(), std::move(renewal));
}

Task<Result<Policies::Shared>> HubKeys::put(std::string name, AccessRights rights, std::string by) {
    auto putting = put_here(std::move(name), rights, std::move(by));
    co_return co_await shards_.on(shards_.first(), std::move(putting));
}

Task<Result<>> HubKeys::remove(std::string name, std::string by) {
    auto removal = remove_here(std::move(name), std::move(by));
    co_return co_await shards_.on(shards_.first(), std::move(removal));
}

Task<Result<>> HubKeys::renew_token_key(std::string by) {
    auto renewal = renew_token_key_here(std::move(by));
    co_return co_await shards_.on(shards_.first(), std::move(renewal));
}

Result<> HubKeys::load() {
    return revocations_.load(shards_.first().store());
}

Task<Result<>> HubKeys::revoke_tokens(DeviceId device, WallTime up_to, std::string by) {
    const std::size_t owner = port_.owner(device);
    auto looking = port_.ask(owner, FindIdentity{IdentityKey(device)});
    if (const auto found = co_await std::move(looking); !found) {
        if (found.error().code != Errc::device_not_found) co_return fail(found.error());
        co_return fail(Errc::device_not_found, device.str());
    }
    auto revocation = revoke_here(device, up_to, std::move(by));
    auto revoked = co_await shards_.on(shards_.first(), std::move(revocation));
    if (!revoked) co_return revoked;
    // From here on a login finds the revocation.
    auto ending = port_.ask(owner, EndLinks{IdentityKey(device)});
    co_return co_await std::move(ending);
}

Task<Result<>> HubKeys::lift_revocation(DeviceId device, std::string by) {
    auto lifting = lift_here(std::move(device), std::move(by));
    co_return co_await shards_.on(shards_.first(), std::move(lifting));
}

Task<> HubKeys::take_turn() {
    while (is_busy_) (void)co_await shards_.first().committer().durable();
    is_busy_ = true;
}

Task<Result<Policies::Shared>> HubKeys::renew_here(std::string name, PolicyRenewal what, std::string by) {
    co_await take_turn();
    const Turn turn(is_busy_);
    const auto policy = policies_.find(name);
    if (!policy) co_return fail(no_policy(name));
    Shard& shard = shards_.first();
    auto renewed = Policies::renewed(*policy, what, shard.random());
    policies_.store(renewed.policy, shard.committer().batch());
    const auto stored = co_await shard.committer().durable();
    if (!stored) co_return fail(unavailable(stored.error()));
    policies_.replace(std::move(renewed.policy));
    log.info("policy key renewed policy={} key={} by={}", policy->name, name_of(what), by);
    if (outside_.end_connections) outside_.end_connections(std::move(renewed.ended));
    co_await tell_machine();
    co_return policies_.find(name);
}

Task<Result<Policies::Shared>> HubKeys::put_here(std::string name, AccessRights rights, std::string by) {
    co_await take_turn();
    const Turn turn(is_busy_);
    if (auto admitted = policies_.admit(name, rights); !admitted) co_return fail(std::move(admitted).error());
    const auto held = policies_.find(name);
    if (held && held->rights == rights) co_return held;
    Shard& shard = shards_.first();
    auto made = Policies::made(held ? held->name : std::move(name), rights, held.get(), shard.random());
    const std::string made_name = made.name;
    policies_.store(made, shard.committer().batch());
    const auto stored = co_await shard.committer().durable();
    if (!stored) co_return fail(unavailable(stored.error()));
    policies_.replace(std::move(made));
    log.info("policy made policy={} rights=\"{}\" by={}", made_name, fmt::join(right_names(rights), ", "),
             by);
    if (held) end(*held);
    co_await tell_machine();
    co_return policies_.find(made_name);
}

Task<Result<>> HubKeys::remove_here(std::string name, std::string by) {
    co_await take_turn();
    const Turn turn(is_busy_);
    const auto held = policies_.find(name);
    if (!held) co_return fail(no_policy(name));
    if (auto admitted = policies_.admit(name, AccessRights::none); !admitted) co_return admitted;
    Shard& shard = shards_.first();
    policies_.store_without(name, shard.committer().batch());
    const auto stored = co_await shard.committer().durable();
    if (!stored) co_return fail(unavailable(stored.error()));
    policies_.remove(name);
    log.info("policy removed policy={} by={}", held->name, by);
    end(*held);
    co_await tell_machine();
    co_return Result<>{};
}

void HubKeys::end(const SharedAccessPolicy& policy) const {
    if (!outside_.end_connections) return;
    outside_.end_connections({policy.primary_tag, policy.secondary_tag, policy.pair_tag});
}

Task<Result<>> HubKeys::revoke_here(DeviceId device, WallTime up_to, std::string by) {
    co_await take_turn();
    const Turn turn(is_busy_);
    Shard& shard = shards_.first();
    const WallTime now = shard.clock().wall_now();
    if (auto staged = revocations_.stage(device, up_to, now, shard.committer().batch()); !staged) {
        co_return staged;
    }
    const auto stored = co_await shard.committer().durable();
    if (!stored) co_return fail(unavailable(stored.error()));
    revocations_.set(device, up_to, now);
    log.info("device tokens revoked device={} up_to={} by={}", device.str(), to_iso8601(up_to), by);
    co_return Result<>{};
}

Task<Result<>> HubKeys::lift_here(DeviceId device, std::string by) {
    co_await take_turn();
    const Turn turn(is_busy_);
    Shard& shard = shards_.first();
    revocations_.stage_removal(device, shard.committer().batch());
    const auto stored = co_await shard.committer().durable();
    if (!stored) co_return fail(unavailable(stored.error()));
    revocations_.remove(device);
    log.info("revocation of device tokens lifted device={} by={}", device.str(), by);
    co_return Result<>{};
}

Task<Result<>> HubKeys::renew_token_key_here(std::string by) {
    co_await take_turn();
    Shard& shard = shards_.first();
    const std::string key = shard.random().base64_key();
    shard.committer().batch().put(Table::meta, std::string(stored_token_key), key);
    const auto stored = co_await shard.committer().durable();
    is_busy_ = false;
    if (!stored) co_return fail(unavailable(stored.error()));
    tokens_.renew(key);
    if (outside_.take_token_key) outside_.take_token_key(key);
    log.info("token key renewed by={}", by);
    if (outside_.end_connections) {
        std::vector<KeyTag> sessions;
        for (const auto& policy : policies_.all()) sessions.push_back(policy->pair_tag);
        outside_.end_connections(std::move(sessions));
    }
    co_return Result<>{};
}

/// If `hub.json` cannot be written now, the next start writes it.
Task<> HubKeys::tell_machine() {
    if (!outside_.tell_machine) co_return;
    auto telling = [this](UniqueFunction<void(Result<>)> done) {
        auto held = std::make_shared<UniqueFunction<void(Result<>)>>(std::move(done));
        outside_.storage->run([this, held] {
            const Result<> told = outside_.tell_machine();
            boost::asio::post(shards_.first().executor(), [held, told] { (*held)(told); });
        });
    };
    const auto told = co_await from_callback<Result<>>(telling);
    if (!told) log.error("commands on this machine keep an old key reason={}", told.error().detail);
}

}  // namespace carillon
