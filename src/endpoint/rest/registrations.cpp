// The device side of provisioning over HTTPS; who asks has proved itself. Source: DPS device.json;
// azure-iot-sdk-node: provisioning http.ts.

#include "core/hub/login_brake.hpp"
#include "core/provisioning/provisioning.hpp"
#include "endpoint/device/registrant.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/format.h>

namespace carillon::rest {

namespace {

std::string registration_id(const Request& request) {
    return std::string(request.ids[1]);
}

HttpResponse accepted(const Request& request, const Registration& registration) {
    HttpResponse response = ok(device::operation_begun_json(registration));
    response.status = 202;
    response.add("Retry-After", std::to_string(device::registration_poll_s));
    response.add("Location", fmt::format("/{}/registrations/{}/operations/{}", request.ids[0],
                                         registration.id, registration.operation_id));
    return response;
}

/// What a stranger is told whose body names the keys of an enrolled TPM: a nonce for that TPM, by which it
/// signs the same request. Source: DPS docs, "TPM attestation"; azure-iot-sdk-c reads keyName, too.
Task<Result<HttpResponse>> challenge(Request& request) {
    auto read = device::read_registration_body(request.http->body, request.ids[1]);
    if (!read) co_return fail(std::move(read).error());
    Result<std::string> nonce = fail(Errc::iot_hub_unauthorized_access, "neither token nor certificate");
    if (!read->endorsement_key.empty()) {
        auto challenging = request.hub.provisioning().challenge_tpm(
            registration_id(request), std::move(read->endorsement_key), std::move(read->storage_root_key));
        nonce = co_await std::move(challenging);
    }
    if (nonce) {
        std::string body;
        JsonWriter(body)
            .begin_object()
            .member("authenticationKey", *nonce)
            .member("keyName", "registration")
            .end_object();
        HttpResponse response = ok(std::move(body));
        response.status = http_status(Errc::iot_hub_unauthorized_access);
        co_return response;
    }
    if (nonce.error().code != Errc::iot_hub_unauthorized_access) co_return fail(nonce.error());
    const LoginBrake::Failure failure{
        .protocol = "https", .identity = request.ids[1], .peer = request.peer, .why = nonce.error().detail};
    request.answer_after = request.hub.logins().failed(failure, request.hub.shards().first().clock().now());
    co_return fail(Errc::iot_hub_unauthorized_access, "Unauthorized");
}

}  // namespace

Task<Result<HttpResponse>> register_device(Request& request) {
    if (request.registrant == nullptr) {
        auto challenging = challenge(request);
        co_return co_await std::move(challenging);
    }
    auto wanted = device::read_registration(*request.registrant, request.http->body);
    if (!wanted) co_return fail(std::move(wanted).error());
    auto registering = request.hub.provisioning().register_device(*std::move(wanted));
    const auto registered = co_await std::move(registering);
    if (!registered) co_return fail(registered.error());
    co_return accepted(request, *registered);
}

Task<Result<HttpResponse>> get_registration_operation(Request& request) {
    auto finding =
        request.hub.provisioning().operation(registration_id(request), std::string(request.ids[2]));
    const auto found = co_await std::move(finding);
    if (!found) co_return fail(found.error());
    co_return ok(device::operation_ended_json(*found));
}

Task<Result<HttpResponse>> look_up_registration(Request& request) {
    auto read = device::read_registration_body(request.http->body, request.ids[1]);
    if (!read) co_return fail(std::move(read).error());
    const auto found = co_await request.hub.provisioning().find_registration(registration_id(request));
    if (!found) co_return fail(found.error());
    std::string body;
    append_registration_json(body, *found);
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
