#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "endpoint/amqp/registration/registration_messages.hpp"
#include "wire/amqp/sasl.hpp"

#include <memory>
#include <string>

namespace carillon::amqp {

class HubConnection;

/// The SASL mechanism TPM, by which a device registers: it names the endorsement key of its TPM, then the
/// storage root key, is sent a nonce that this TPM alone can open, and signs its token by it. Three
/// challenges, always. On the connection's thread, which owns it. Source: azure-iot-sdk-c: prov_sasl_tpm.c;
/// azure-iot-sdk-node: provisioning amqp.ts; azure-iot-sdk-java: AmqpsProvisioningTpmSaslHandler.java.
class TpmLogin {
public:
    /// As `Authenticator::Done`.
    using Done = UniqueFunction<void(HubConnection&, const Result<>&)>;

    TpmLogin(HubConnection& connection, Done done) : connection_(connection), done_(std::move(done)) {}

    void begin(const SaslInit& init);
    /// What the client answered to the last challenge.
    void respond(Bytes response);
    /// The nonce for its TPM, base64, or why it gets none.
    void take_nonce(Result<std::string> nonce);

private:
    enum class Stage : std::uint8_t { storage_root_key, more_of_nonce, token };

    void take_storage_root_key(std::string_view key);
    void take_token(std::string_view token);
    void refuse(const char* why);

    HubConnection& connection_;
    Done done_;
    RegistrationAddress address_;
    std::string endorsement_key_;   ///< base64, as is the next. Bound: ConnectionLimits::frame_bytes_max.
    std::string storage_root_key_;  ///< Bound: ConnectionLimits::frame_bytes_max
    std::string nonce_;  ///< Its second part, until that is asked for. Bound: nonce_part_bytes_max.
    Stage stage_ = Stage::storage_root_key;
};

}  // namespace carillon::amqp
