// The device side of provisioning over HTTPS; who asks has proved itself. Source: DPS device.json;
// azure-iot-sdk-node: provisioning http.ts.

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

}  // namespace

Task<Result<HttpResponse>> register_device(Request& request) {
    auto checked = device::check_registration_body(request.http->body, request.ids[1]);
    if (!checked) co_return fail(std::move(checked).error());
    auto registering = request.hub.provisioning().register_device(*request.registrant);
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
    auto checked = device::check_registration_body(request.http->body, request.ids[1]);
    if (!checked) co_return fail(std::move(checked).error());
    const auto found = co_await request.hub.provisioning().find_registration(registration_id(request));
    if (!found) co_return fail(found.error());
    std::string body;
    append_registration_json(body, *found);
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
