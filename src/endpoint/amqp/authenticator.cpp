#include "endpoint/amqp/authenticator.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/login_brake.hpp"
#include "core/provisioning/provisioning.hpp"
#include "core/shard/shard.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/registration/registrant_login.hpp"
#include "endpoint/amqp/registration/registration_messages.hpp"
#include "endpoint/amqp/registration/tpm_login.hpp"
#include "endpoint/device/connected_device.hpp"
#include "wire/amqp/hub_links.hpp"

#include <utility>

namespace carillon::amqp {

namespace {

constexpr std::string_view protocol = "amqp";

auto refused(const char* why) {
    return fail(Errc::iot_hub_unauthorized, why);
}

/// Whether a token is one of an Event Hubs client, which writes what it is for as a URI.
bool is_for_events(const sas::Token& token) {
    const auto decoded = percent_decode(token.resource);
    if (!decoded) return false;
    const std::string scheme = to_lower(decoded->substr(0, decoded->find("://")));
    return scheme == "sb" || scheme == "amqps" || scheme == "amqp";
}

/// As `sas::is_signed_by` where the text of the key is taken for its bytes, as clients of Event Hubs do.
/// Source: azure-sdk-for-js: core-amqp, sasTokenProvider; azure-sdk-for-net: SharedAccessSignature.cs.
bool is_signed_by_text(const sas::Token& token, std::string_view key) {
    if (key.empty()) return false;
    const std::string expected = hmac_sha256(key, token.resource + "\n" + token.expiry);
    return equals_in_constant_time(expected, token.signature);
}

/// What a verified token is for, as `sas::covers` reads it.
std::string without_scheme(const std::string& resource) {
    const auto decoded = percent_decode(resource);
    const std::size_t scheme = decoded ? decoded->find("://") : std::string::npos;
    return scheme == std::string::npos ? resource : percent_encode(decoded->substr(scheme + 3));
}

/// The host that a token's `sr` begins with.
bool names_hub(const sas::Token& token, std::span<const std::string> host_names) {
    const auto decoded = percent_decode(token.resource);
    if (!decoded) return false;
    std::string_view host = *decoded;
    if (const std::size_t scheme = host.find("://"); scheme != std::string_view::npos) {
        host.remove_prefix(scheme + 3);
    }
    return sas::is_hub_name(host.substr(0, host.find('/')), host_names);
}

}  // namespace

bool Authenticator::may(AccessRights right, std::span<const std::string_view> path) const {
    return wallet_.find(right, path, connection_.hub().host_names(), connection_.wall_now()) != nullptr;
}

void Authenticator::log_in(const SaslInit& init, Done done) {
    if (init.mechanism == sasl_external || init.mechanism == sasl_mssbcbs || init.mechanism == sasl_anonymous)
        return done(connection_, {});  // A token or a certificate says more later.
    if (init.mechanism == sasl_tpm && connection_.hub().provisioning().is_on()) {
        tpm_login_ = std::make_shared<TpmLogin>(connection_, std::move(done));
        return tpm_login_->begin(init);
    }
    if (init.mechanism != sasl_plain) return done(connection_, refused("unknown mechanism"));
    const auto plain = parse_plain(init.initial_response.value_or(Bytes()));
    if (const auto address = plain ? parse_registration_address(plain->user) : std::nullopt;
        address && connection_.hub().provisioning().has_scope(address->scope)) {
        return log_in_registrant(connection_, *address, std::string(plain->password), std::move(done));
    }
    const auto user = plain ? parse_plain_user(plain->user) : std::nullopt;
    if (!user) return done(connection_, refused("malformed user name"));
    if (user->policy.empty()) {
        auto key = IdentityKey::parse(user->device, user->module);
        if (!key) return done(connection_, refused("malformed user name"));
        connection_.hold_input();
        return check_device({*std::move(key)}, 0, std::string(plain->password), std::move(done));
    }
    const auto token = sas::parse_token(plain->password);
    if (!token || !equals_ignoring_case(token->key_name, user->policy)) {
        return done(connection_, refused("token of another than the user"));
    }
    take_token(plain->password, {}, std::move(done));
}

void Authenticator::respond(Bytes response) {
    CARILLON_ASSERT(tpm_login_ != nullptr);  // No other mechanism has challenges.
    tpm_login_->respond(response);
}

void Authenticator::put_token(const PutToken& request, Done done) {
    if (!request.is_sas) return done(connection_, refused("not a shared access signature"));
    take_token(request.token, parse_token_scope(request.name), std::move(done));
}

/// `hint` says who the token may be for if its own scope names no identity.
void Authenticator::take_token(std::string_view text, const TokenScope& hint, Done done) {
    connection_.hold_input();
    const auto token = sas::parse_token(text);
    if (!token) return finish(refused("malformed token"), {}, std::move(done));
    if (sas::is_expired(*token, connection_.wall_now())) {
        return finish(refused("expired token"), {}, std::move(done));
    }
    const bool names_policy =
        !token->key_name.empty() && connection_.hub().policies().find(token->key_name) != nullptr;
    if (names_policy) {
        const Result<> taken = take_grant(*token, text);
        Duration wait{};
        if (!taken && taken.error().code == Errc::iot_hub_unauthorized) {
            const LoginBrake::Failure failure{.protocol = protocol,
                                              .identity = token->key_name,
                                              .peer = connection_.peer_address(),
                                              .why = taken.error().detail};
            wait = connection_.hub().logins().failed(failure, connection_.thread().clock().now());
        }
        return finish(taken, wait, std::move(done));
    }
    TokenScope scope = parse_token_scope(token->resource);
    if (scope.identities.empty()) scope = hint;
    if (scope.identities.empty()) {
        // Signed by a device for the whole hub: the link will say by which. Nobody is known until then.
        if (!names_hub(*token, connection_.hub().host_names())) {
            return finish(refused("token for another hub"), {}, std::move(done));
        }
        return finish(wallet_.put_wide(text, token->expires.plus_s(sas::clock_skew_s)), {}, std::move(done));
    }
    check_device(std::move(scope.identities), 0, std::string(text), std::move(done));
}

Result<> Authenticator::take_grant(const sas::Token& token, std::string_view text) {
    const auto policy = connection_.hub().policies().find(token.key_name);
    // Both are tried, so that the time taken does not tell which one it was.
    const auto signs = [&token, is_of_events = is_for_events(token)](const std::string& key) {
        const bool by_bytes = sas::is_signed_by(token, key);
        return (is_of_events && is_signed_by_text(token, key)) || by_bytes;
    };
    const bool by_primary = policy != nullptr && signs(policy->primary_key);
    const bool by_secondary = policy != nullptr && signs(policy->secondary_key);
    if (!by_primary && !by_secondary) return refused("wrong policy key");
    if (!names_hub(token, connection_.hub().host_names())) return refused("token for another hub");
    const KeyTag key = by_primary ? policy->primary_tag : policy->secondary_tag;
    const WallTime expires = token.expires.plus_s(sas::clock_skew_s);
    if (includes(policy->rights, AccessRights::device_connect)) {
        const TokenScope scope = parse_token_scope(token.resource);
        for (const IdentityKey& identity : scope.identities) {
            if (auto put = wallet_.put(identity, text, expires); !put) return put;
        }
        if (scope.identities.empty()) {
            if (auto put = wallet_.put_wide(text, expires); !put) return put;
        }
    }
    Grant grant{
        .policy = policy->name, .rights = policy->rights, .token = token, .expires = expires, .key = key};
    grant.token.resource = without_scheme(grant.token.resource);
    if (auto put = wallet_.put(std::move(grant)); !put) return put;
    connection_.authenticated(key);
    return {};
}

/// A doubly encoded id may be read in two ways; one of them may exist.
void Authenticator::check_device(std::vector<IdentityKey> candidates, std::size_t index, std::string text,
                                 Done done) {
    Hub& hub = connection_.hub();
    Shard& home = device::ConnectedDevice::home(hub, candidates[index].device);
    IoThread& thread = connection_.endpoint().threads().of_shard(home.number());
    device::ConnectionLogs* const logs = connection_.endpoint().connection_logs();
    thread.post([connection = connection_.shared_from_this(), &hub, logs, peer = connection_.peer_address(),
                 candidates = std::move(candidates), index, text = std::move(text),
                 done = std::move(done)]() mutable {
        const IdentityKey& key = candidates[index];
        const device::Credentials credentials{
            .key = key, .host = hub.host_names().front(), .token = text, .certificate = nullptr};
        Result<device::Proof> proof = device::ConnectedDevice::check(hub, credentials);
        const bool is_last = index + 1 == candidates.size();
        Duration wait{};
        if (!proof && is_last)
            wait = device::ConnectedDevice::refused(hub, key, proof.error(), {protocol, peer}, logs);
        connection->post([proof = std::move(proof), is_last, wait, candidates = std::move(candidates), index,
                          text = std::move(text), done = std::move(done)](HubConnection& self) mutable {
            Authenticator& authenticator = self.authenticator();
            if (!proof && !is_last) {
                return authenticator.check_device(std::move(candidates), index + 1, std::move(text),
                                                  std::move(done));
            }
            Result<> result;
            if (!proof) {
                result = fail(proof.error());
            } else {
                result =
                    authenticator.wallet_.put(candidates[index], text, proof->expires.value_or(WallTime()));
            }
            if (result) self.authenticated(proof->key);
            authenticator.finish(result, wait, std::move(done));
        });
    });
}

void Authenticator::finish(const Result<>& result, Duration wait, Done done) {
    if (!result) {
        log.debug("amqp login refused peer={} code={} why=\"{}\"", connection_.peer_address(),
                  errc_name(result.error().code), result.error().detail);
    }
    if (wait == Duration::zero()) {
        done(connection_, result);
        return connection_.release_input();
    }
    const bool goes_on = connection_.wire().is_authenticated() && late_refusals_ < late_refusals_max;
    if (goes_on) {
        ++late_refusals_;
        connection_.release_input();
    }
    connection_.after(wait, [result, goes_on, done = std::move(done)](HubConnection& self) mutable {
        done(self, result);
        if (!goes_on) return self.release_input();
        --self.authenticator().late_refusals_;
    });
}

}  // namespace carillon::amqp
