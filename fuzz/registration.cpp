// What devices that register and back ends that enroll them send: the body of a registration, an enrollment,
// a user name and a topic of MQTT, a link's address, a login by a TPM and a message of AMQP, a key of a TPM,
// a certificate. What is taken says the same again; what is stored reads back.

#include "base/text.hpp"
#include "core/provisioning/signing_certificates.hpp"
#include "core/provisioning/tpm_blob.hpp"
#include "endpoint/amqp/registration/registration_messages.hpp"
#include "endpoint/device/registrant.hpp"
#include "model/enrollment.hpp"
#include "wire/mqtt/registration_topics.hpp"

#include <string>

namespace carillon {
namespace {

void check_body(std::string_view text) {
    const auto read = device::read_registration_body(text, "dev-1");
    CARILLON_ASSERT(read || read.error().code == Errc::iot_hub_format_error ||
                    read.error().code == Errc::argument_invalid);
    RegistrationRequest proved;
    proved.enrollee.registration_id = "dev-1";
    const auto request = device::read_registration(proved, text);
    CARILLON_ASSERT(!request || read);
}

void check_enrollment(std::string_view text) {
    static_cast<void>(Registration::decode(text));
    static_cast<void>(Enrollment::decode(text));
    const auto json = JsonDocument::parse(text);
    if (!json) return;
    SeededRandom random(1);
    for (const auto kind : {Enrollment::Kind::individual, Enrollment::Kind::group}) {
        const auto made = Enrollment::parse(kind, "e", json->root(), nullptr, random);
        if (!made) continue;
        const auto decoded = Enrollment::decode(made->encode());
        CARILLON_ASSERT(decoded && decoded->encode() == made->encode());
        // What an answer says of it is an enrollment again, and keeps what it had.
        std::string answer;
        append_enrollment_json(answer, *made, EnrollmentKeys::withheld);
        const auto printed = JsonDocument::parse(answer);
        CARILLON_ASSERT(printed);
        const auto again = Enrollment::parse(kind, "e", printed->root(), &*made, random);
        CARILLON_ASSERT(again && again->primary_key == made->primary_key &&
                        again->primary_certificate == made->primary_certificate &&
                        again->primary_authority == made->primary_authority &&
                        again->secondary_authority == made->secondary_authority &&
                        again->endorsement_key == made->endorsement_key);
    }
}

void check_mqtt(std::string_view text) {
    const auto name = mqtt::parse_registration_user_name(text);
    if (name) {
        const std::string spelled = std::string(name->scope) + "/registrations/" +
                                    std::string(name->registration_id) +
                                    "/api-version=" + std::string(name->api_version);
        const auto same = mqtt::parse_registration_user_name(spelled);
        CARILLON_ASSERT(same && same->scope == name->scope &&
                        same->registration_id == name->registration_id &&
                        same->api_version == name->api_version);
    }
    using Topic = mqtt::RegistrationTopic;
    const auto topic = mqtt::parse_registration_topic(text);
    if (!topic) return;
    CARILLON_ASSERT(!topic->rid.empty() && topic->rid.size() <= Topic::rid_bytes_max);
    const bool begins = topic->kind == Topic::Kind::begin;
    CARILLON_ASSERT(!begins || topic->operation_id.empty());
    std::string spelled(begins ? "$dps/registrations/PUT/iotdps-register/?$rid="
                               : "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=");
    spelled += topic->rid;
    if (!begins) spelled += "&operationId=" + std::string(topic->operation_id);
    const auto same = mqtt::parse_registration_topic(spelled);
    CARILLON_ASSERT(same && same->kind == topic->kind && same->rid == topic->rid &&
                    same->operation_id == topic->operation_id);
}

void check_amqp(std::string_view text) {
    const auto address = amqp::parse_registration_address(text);
    if (address) {
        const std::string spelled =
            "/" + percent_encode(address->scope) + "/registrations/" + percent_encode(address->id);
        const auto same = amqp::parse_registration_address(spelled);
        CARILLON_ASSERT(same && same->scope == address->scope && same->id == address->id);
    }
    const auto init = amqp::parse_tpm_init(as_bytes(text));
    if (init) {
        const std::string nul(1, '\0');
        CARILLON_ASSERT(nul + init->address.scope + nul + init->address.id + nul + init->endorsement_key ==
                        text);
    }
    const auto message = amqp::decode_message(as_bytes(text));
    if (message) static_cast<void>(amqp::parse_registration_operation(*message));
}

void check_keys(std::string_view text) {
    SeededRandom random(1);
    const bool is_key = check_tpm_key(base64_encode(text)).has_value();
    const bool is_sealed = seal_for_tpm(text, text, "0123456789abcdef", random).has_value();
    CARILLON_ASSERT(!is_sealed || is_key);
    SigningCertificates signers;
    signers.add(base64_encode(text), "group");
    CARILLON_ASSERT(!signers.find_group({std::string(text)}, WallTime::from_unix_s(1'800'000'000)));
}

}  // namespace
}  // namespace carillon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = carillon::as_text({data, size});
    carillon::check_body(text);
    carillon::check_enrollment(text);
    carillon::check_mqtt(text);
    carillon::check_amqp(text);
    carillon::check_keys(text);
    return 0;
}
