#include "provisioning/enrollment_request.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "failure.hpp"
#include "json_text.hpp"

#include <algorithm>
#include <array>

namespace carillon {

namespace {

constexpr std::string_view pem_begin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view pem_end = "-----END CERTIFICATE-----";

/// What a hub decides itself, and what tells of the past.
constexpr std::array<std::string_view, 4> read_only{"etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc",
                                                    "registrationState"};
constexpr std::array<std::string_view, 4> of_hubs{"iotHubHostName", "iotHubs", "allocationPolicy",
                                                  "customAllocationDefinition"};
/// What `az` prints of a twin beside what is in it. Source: azure-iot-cli-extension: dps models,
/// TwinCollection.
constexpr std::array<std::string_view, 3> of_collections{"version", "count", "metadata"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view id_member(Enrollments::Kind kind) {
    return kind == Enrollments::Kind::group ? "enrollmentGroupId" : "registrationId";
}

bool names_credentials(const EnrollmentOrder& order) {
    return !order.primary_key.empty() || !order.secondary_key.empty() || !order.certificate.empty() ||
           !order.secondary_certificate.empty() || !order.endorsement_key.empty();
}

void write_certificate(JsonWriter& json, std::string_view name, const std::string& certificate) {
    if (!certificate.empty()) json.key(name).begin_object().member("certificate", certificate).end_object();
}

Result<std::string> attestation_json(const EnrollmentOrder& order, std::string_view type) {
    std::string text;
    JsonWriter json(text);
    const bool has_key = !order.primary_key.empty() || !order.secondary_key.empty();
    const bool has_certificate = !order.certificate.empty() || !order.secondary_certificate.empty();
    if (equals_ignoring_case(type, "symmetricKey")) {
        if (has_certificate) return fail_usage("a certificate goes with --attestation-type x509");
        if (order.primary_key.empty() != order.secondary_key.empty())
            return fail_usage(
                "--primary-key and --secondary-key come together, or neither: the hub makes both");
        json.begin_object().member("type", "symmetricKey").key("symmetricKey").begin_object();
        if (has_key) {
            json.member("primaryKey", order.primary_key).member("secondaryKey", order.secondary_key);
        }
        json.end_object().end_object();
        return text;
    }
    if (equals_ignoring_case(type, "tpm")) {
        if (has_key || has_certificate) return fail_usage("tpm goes without keys and certificates");
        if (order.endorsement_key.empty()) return fail_usage("tpm needs --endorsement-key");
        json.begin_object().member("type", "tpm").key("tpm").begin_object();
        json.member("endorsementKey", order.endorsement_key);
        if (!order.storage_root_key.empty()) json.member("storageRootKey", order.storage_root_key);
        json.end_object().end_object();
        return text;
    }
    if (has_key) return fail_usage("keys go with --attestation-type symmetrickey");
    const bool names_authority = !order.authority.empty() || !order.secondary_authority.empty();
    if (names_authority && has_certificate) return fail_usage("--ca-name goes without certificates");
    if (names_authority) {
        json.begin_object().member("type", "x509").key("x509").begin_object();
        json.key("caReferences").begin_object();
        if (!order.authority.empty()) json.member("primary", order.authority);
        if (!order.secondary_authority.empty()) json.member("secondary", order.secondary_authority);
        json.end_object().end_object().end_object();
        return text;
    }
    if (order.certificate.empty()) return fail_usage("x509 needs --certificate-path or --ca-name");
    const bool is_group = order.kind == Enrollments::Kind::group;
    json.begin_object().member("type", "x509").key("x509").begin_object();
    json.key(is_group ? "signingCertificates" : "clientCertificates").begin_object();
    write_certificate(json, "primary", order.certificate);
    write_certificate(json, "secondary", order.secondary_certificate);
    json.end_object().end_object().end_object();
    return text;
}

void write_reprovisioning(JsonWriter& json, std::string_view policy) {
    const bool updates = policy != "never";
    const bool migrates = policy == "reprovisionandmigratedata";
    json.key("reprovisionPolicy").begin_object();
    json.member("updateHubAssignment", updates).member("migrateDeviceData", migrates).end_object();
}

/// The initial twin: what is named, else what there was.
void write_twin(JsonWriter& json, const EnrollmentOrder& order, JsonValue current) {
    const std::string tags = !order.tags.empty() ? order.tags : std::string(find_path(current, "tags").raw());
    const std::string desired =
        !order.desired.empty() ? order.desired : std::string(find_path(current, "properties.desired").raw());
    json.key("initialTwin").begin_object();
    if (!tags.empty()) json.member_raw("tags", tags);
    if (!desired.empty()) json.key("properties").begin_object().member_raw("desired", desired).end_object();
    json.end_object();
}

/// The names of the members that an order has something to say of, but for the attestation.
std::vector<std::string_view> named_by(const EnrollmentOrder& order) {
    std::vector<std::string_view> names;
    const auto add_if = [&names](bool is_named, std::string_view name) {
        if (is_named) names.push_back(name);
    };
    add_if(!order.device_id.empty(), "deviceId");
    add_if(!order.device_information.empty(), "optionalDeviceInformation");
    add_if(order.iot_edge.has_value(), "capabilities");
    add_if(!order.tags.empty() || !order.desired.empty(), "initialTwin");
    add_if(!order.status.empty(), "provisioningStatus");
    add_if(!order.reprovision_policy.empty(), "reprovisionPolicy");
    add_if(!order.allocation_policy.empty(), "allocationPolicy");
    add_if(!order.webhook_url.empty(), "customAllocationDefinition");
    add_if(!order.hubs.empty(), "iotHubs");
    return names;
}

void write_named(JsonWriter& json, const EnrollmentOrder& order, JsonValue current_twin) {
    if (!order.device_id.empty()) json.member("deviceId", order.device_id);
    if (!order.device_information.empty())
        json.member_raw("optionalDeviceInformation", order.device_information);
    if (order.iot_edge)
        json.key("capabilities").begin_object().member("iotEdge", *order.iot_edge).end_object();
    if (!order.tags.empty() || !order.desired.empty()) write_twin(json, order, current_twin);
    if (!order.status.empty()) json.member("provisioningStatus", order.status);
    if (!order.reprovision_policy.empty()) write_reprovisioning(json, order.reprovision_policy);
    if (!order.allocation_policy.empty()) json.member("allocationPolicy", order.allocation_policy);
    if (!order.webhook_url.empty()) {
        json.key("customAllocationDefinition").begin_object().member("webhookUrl", order.webhook_url);
        if (!order.webhook_version.empty()) json.member("apiVersion", order.webhook_version);
        json.end_object();
    }
    if (!order.hubs.empty()) {
        json.key("iotHubs").begin_array();
        for (const std::string& hub : order.hubs) json.value(hub);
        json.end_array();
    }
}

auto no_enrollment() {
    return fail(Errc::malformed_packet, "the hub's answer is not an enrollment");
}

/// A collection of a twin as `az` prints it, back to what is in it.
void write_collection(JsonWriter& json, std::string_view name, JsonValue collection) {
    if (!collection.is_object()) return;
    json.key(name).begin_object();
    for (JsonValue member = collection.first(); member.exists(); member = member.next()) {
        const bool is_of_az = is_one_of(of_collections, member.key()) && member.is_null_or_absent();
        const bool is_empty = member.key() == "additionalProperties" && member.is_null_or_absent();
        if (!is_of_az && !is_empty) json.member_raw(member.key(), member.raw());
    }
    json.end_object();
}

void write_plain_twin(JsonWriter& json, JsonValue twin) {
    json.key("initialTwin").begin_object();
    write_collection(json, "tags", twin.find("tags"));
    const JsonValue desired = find_path(twin, "properties.desired");
    if (desired.is_object()) {
        json.key("properties").begin_object();
        write_collection(json, "desired", desired);
        json.end_object();
    }
    json.end_object();
}

}  // namespace

Result<std::string> new_enrollment_json(const EnrollmentOrder& order) {
    const auto attestation = attestation_json(order, order.attestation);
    if (!attestation) return attestation;
    std::string text;
    JsonWriter json(text);
    json.begin_object().member(id_member(order.kind), order.id);
    json.member_raw("attestation", *attestation);
    write_named(json, order, {});
    json.end_object();
    return text;
}

Result<std::string> changed_enrollment_json(const EnrollmentOrder& order, std::string_view current_json) {
    const auto document = JsonDocument::parse(current_json);
    if (!document || !document->root().find("attestation").is_object()) return no_enrollment();
    const JsonValue current = document->root();
    std::string attestation(current.find("attestation").raw());
    if (names_credentials(order)) {
        auto named = attestation_json(order, find_path(current, "attestation.type").string());
        if (!named) return named;
        attestation = *std::move(named);
    }
    const auto names = named_by(order);
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    for (JsonValue member = current.first(); member.exists(); member = member.next()) {
        const bool is_replaced = std::find(names.begin(), names.end(), member.key()) != names.end();
        if (is_replaced || is_one_of(read_only, member.key()) || member.key() == "attestation") continue;
        json.member_raw(member.key(), member.raw());
    }
    json.member_raw("attestation", attestation);
    write_named(json, order, current.find("initialTwin"));
    json.end_object();
    return text;
}

Result<std::string> with_attestation(std::string_view enrollment_json, std::string_view attestation_json) {
    const auto document = JsonDocument::parse(enrollment_json);
    if (!document || !document->root().is_object()) return no_enrollment();
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    for (JsonValue member = document->root().first(); member.exists(); member = member.next()) {
        json.member_raw(member.key(), member.key() == "attestation" ? attestation_json : member.raw());
    }
    json.end_object();
    return text;
}

Result<std::string> certificate_of_pem(std::string_view flag, std::string_view text) {
    const std::size_t begin = text.find(pem_begin);
    const std::size_t end = text.find(pem_end, begin == text.npos ? 0 : begin);
    if (begin == text.npos || end == text.npos)
        return fail_usage(std::string(flag) + ": the file holds no PEM certificate");
    std::string base64;
    for (const char c : text.substr(begin + pem_begin.size(), end - begin - pem_begin.size())) {
        if (c != '\n' && c != '\r' && c != ' ' && c != '\t') base64 += c;
    }
    return base64;
}

Result<EnrollmentEntry> read_enrollment_entry(std::string_view text, bool keeps_hubs) {
    const auto document = JsonDocument::parse(text);
    if (!document) return fail_usage(document.error().detail);
    if (!document->root().is_object()) return fail_usage("an enrollment must be an object");
    const JsonValue enrollment = document->root();
    EnrollmentEntry entry;
    if (enrollment.find("enrollmentGroupId").is_string()) entry.kind = Enrollments::Kind::group;
    entry.id = enrollment.find(id_member(entry.kind)).string();
    if (entry.id.empty()) return fail_usage("an enrollment needs a registrationId or an enrollmentGroupId");
    JsonWriter json(entry.json);
    json.begin_object();
    for (JsonValue member = enrollment.first(); member.exists(); member = member.next()) {
        const bool is_of_a_hub = is_one_of(of_hubs, member.key()) && !keeps_hubs;
        if (member.is_null_or_absent() || is_of_a_hub || is_one_of(read_only, member.key())) continue;
        if (member.key() == "initialTwin" && member.is_object()) {
            write_plain_twin(json, member);
        } else if (member.key() == "optionalDeviceInformation" && member.is_object()) {
            write_collection(json, member.key(), member);
        } else {
            json.member_raw(member.key(), member.raw());
        }
    }
    json.end_object();
    return entry;
}

}  // namespace carillon
