#pragma once

#include "carillon/service_client.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// The service side of provisioning: who may register, and who has. Works with Carillon and with the Device
/// Provisioning Service. Documents go in and come out as JSON text; `docs/provisioning.md` has their members.
///
/// Fails as `ServiceClient` does, which it uses and which outlives it. Source: DPS service.json.
class Enrollments {
public:
    /// An individual enrollment is for one device, a group for all that hold a key or a certificate of it.
    enum class Kind { individual, group };

    explicit Enrollments(ServiceClient& service) : service_(service) {}

    /// Creates an enrollment, or with an `etag` replaces it; keys that the body leaves out are made, or stay.
    /// The answer to a creation has the keys. Fails with `enrollment_already_exists`, `enrollment_not_found`,
    /// `precondition_failed`, `argument_invalid`.
    Result<std::string> put(Kind kind, std::string_view id, std::string_view enrollment_json,
                            std::string_view etag = {});
    /// Without keys. Fails with `enrollment_not_found`, as do the next two.
    Result<std::string> find(Kind kind, std::string_view id);
    /// Its `attestation`, with keys.
    Result<std::string> attestation(Kind kind, std::string_view id);
    /// Devices and their identities stay. Fails with `precondition_failed` too.
    Result<> remove(Kind kind, std::string_view id, std::string_view etag = "*");
    /// A page of all there are, without keys; `page_size` 0 leaves it to the hub.
    Result<ServicePage> list(Kind kind, std::size_t page_size, std::string_view continuation = {});

    /// The record of a device that registered. Fails with `registration_not_found`.
    Result<std::string> find_registration(std::string_view id);
    /// Removes the record; the device's identity stays.
    Result<> remove_registration(std::string_view id, std::string_view etag = "*");
    /// The records of a group.
    Result<ServicePage> list_registrations(std::string_view group, std::size_t page_size,
                                           std::string_view continuation = {});

private:
    ServiceClient& service_;
};

}  // namespace carillon
