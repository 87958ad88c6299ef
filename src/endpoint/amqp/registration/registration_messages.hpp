#pragma once

#include "base/result.hpp"
#include "wire/amqp/message.hpp"
#include "wire/amqp/performatives.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon::amqp {

// What devices that register say over AMQP, and are told. Source: azure-iot-sdk-node: provisioning amqp.ts;
// azure-iot-sdk-c: prov_transport_amqp_common.c; azure-iot-sdk-csharp: ProvisioningTransportHandlerAmqp.cs.

/// `{id scope}/registrations/{registration id}`: a user name of SASL PLAIN, or the address of a link.
struct RegistrationAddress {
    std::string scope;
    std::string id;
};

/// Reads an address with or without a slash before it, or as a URI of which scheme and host are ignored.
/// Nothing if it is another.
std::optional<RegistrationAddress> parse_registration_address(std::string_view text);
/// That of a link: of a sender its target, of a receiver its source.
std::optional<RegistrationAddress> parse_registration_address(const Attach& attach);

/// The initial response of the SASL mechanism TPM: `NUL id-scope NUL registration-id NUL endorsement-key`.
struct TpmInit {
    RegistrationAddress address;
    std::string endorsement_key;  ///< Bytes.
};
/// Nothing if malformed.
std::optional<TpmInit> parse_tpm_init(Bytes response);

/// A request of a device.
struct RegistrationOperation {
    std::string operation_id;  ///< Empty: it registers; else it asks how that ended.
    std::string correlation;   ///< Its correlation id as encoded; empty if it gave none.
    std::string body;          ///< Of one that registers.
};
/// Fails with `argument_invalid`.
Result<RegistrationOperation> parse_registration_operation(const MessageView& message);

/// Appends an answer, with the seconds to wait before the next request unless they are 0.
void append_registration_answer(std::string& out, std::string_view correlation, int retry_after_s,
                                std::string_view body);

/// Appends the map that goes with an error.
void append_retry_info(std::string& out, int retry_after_s, std::string_view tracking_id);

}  // namespace carillon::amqp
