#include "endpoint/amqp/registration/tpm_login.hpp"

#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/login_brake.hpp"
#include "core/provisioning/provisioning.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/registration/registrant_login.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

namespace carillon::amqp {

namespace {

/// Of a part of the nonce, so that its frame stays below the 512 bytes that SASL allows. AMQP 1.0 §5.3.1
constexpr std::size_t nonce_part_bytes_max = 470;
/// In the first byte of a challenge: more follows, and this is the last part.
/// Source: azure-iot-sdk-c: prov_sasl_tpm.c.
constexpr char first_part_mark = '\x80';
constexpr char last_part_mark = '\xC1';

Task<> challenge_tpm_by(std::shared_ptr<HubConnection> connection, std::string id,
                        std::string endorsement_key, std::string storage_root_key) {
    auto challenging = connection->hub().provisioning().challenge_tpm(
        std::move(id), std::move(endorsement_key), std::move(storage_root_key));
    auto nonce = co_await std::move(challenging);
    connection->post([nonce = std::move(nonce)](HubConnection& self) mutable {
        self.authenticator().tpm_login()->take_nonce(std::move(nonce));
        self.release_input();
    });
}

}  // namespace

void TpmLogin::begin(const SaslInit& init) {
    auto named = parse_tpm_init(init.initial_response.value_or(Bytes()));
    if (!named || !connection_.hub().provisioning().has_scope(named->address.scope))
        return refuse("malformed SASL TPM");
    address_ = std::move(named->address);
    endorsement_key_ = base64_encode(named->endorsement_key);
    constexpr std::string_view go_on("\0", 1);
    connection_.wire().sasl_challenge(as_bytes(go_on));
}

/// Each begins with a byte that says nothing.
void TpmLogin::respond(Bytes response) {
    if (response.empty()) return refuse("an empty SASL response");
    const std::string_view said = as_text(response.subspan(1));
    switch (stage_) {
        case Stage::storage_root_key:
            return take_storage_root_key(said);
        case Stage::more_of_nonce:
            stage_ = Stage::token;
            connection_.wire().sasl_challenge(as_bytes(last_part_mark + std::exchange(nonce_, {})));
            return;
        case Stage::token:
            return take_token(said);
    }
}

void TpmLogin::take_storage_root_key(std::string_view key) {
    storage_root_key_ = base64_encode(key);
    connection_.hold_input();
    auto work =
        challenge_tpm_by(connection_.shared_from_this(), address_.id, endorsement_key_, storage_root_key_);
    boost::asio::co_spawn(connection_.thread().executor(), std::move(work), boost::asio::detached);
}

void TpmLogin::take_nonce(Result<std::string> nonce) {
    const auto blob = nonce ? base64_decode(*nonce) : std::nullopt;
    if (!blob) return refuse(nonce ? "a nonce that is none" : nonce.error().detail.c_str());
    if (blob->size() > 2 * nonce_part_bytes_max) return refuse("a TPM whose keys are too large for SASL");
    stage_ = Stage::more_of_nonce;
    const std::size_t half = std::min(blob->size() - 1, nonce_part_bytes_max);
    nonce_ = blob->substr(half);
    connection_.wire().sasl_challenge(as_bytes(first_part_mark + blob->substr(0, half)));
}

void TpmLogin::take_token(std::string_view token) {
    log_in_registrant(connection_, address_, std::string(token),
                      [done = std::move(done_), key = storage_root_key_](HubConnection& self,
                                                                         const Result<>& proved) mutable {
                          if (proved) self.authenticator().registrant()->request.storage_root_key = key;
                          done(self, proved);
                      });
}

void TpmLogin::refuse(const char* why) {
    const LoginBrake::Failure failure{
        .protocol = "amqp", .identity = address_.id, .peer = connection_.peer_address(), .why = why};
    const Duration wait = connection_.hub().logins().failed(failure, connection_.thread().clock().now());
    connection_.after(wait, [done = std::move(done_)](HubConnection& self) mutable {
        done(self, fail(Errc::iot_hub_unauthorized, "refused by SASL TPM"));
    });
}

}  // namespace carillon::amqp
