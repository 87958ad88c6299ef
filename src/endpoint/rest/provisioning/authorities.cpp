// The authorities that enrollments name in caReferences: of our own making, so under /carillon/.
// Page: docs/provisioning.md.

#include "core/hub/hub.hpp"
#include "core/provisioning/provisioning.hpp"
#include "endpoint/rest/provisioning/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

HttpResponse authority_response(const EnrollmentAuthority& authority) {
    std::string body;
    append_authority_json(body, authority);
    return ok(std::move(body));
}

}  // namespace

Task<Result<HttpResponse>> list_enrollment_authorities(Request& request) {
    std::string body = "[";
    for (const EnrollmentAuthority& authority : request.hub.provisioning().authorities()) {
        if (body.size() > 1) body += ',';
        append_authority_json(body, authority);
    }
    body += ']';
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_enrollment_authority(Request& request) {
    const auto found = request.hub.provisioning().find_authority(request.ids[0]);
    if (!found) co_return fail(found.error());
    co_return authority_response(*found);
}

/// `{"certificate":"…"}`, PEM or DER in base64; one of that name is replaced.
Task<Result<HttpResponse>> put_enrollment_authority(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    std::string certificate(body->root().find("certificate").string());
    auto putting =
        request.hub.provisioning().put_authority(std::string(request.ids[0]), std::move(certificate));
    const auto written = co_await std::move(putting);
    if (!written) co_return fail(written.error());
    co_return authority_response(*written);
}

Task<Result<HttpResponse>> delete_enrollment_authority(Request& request) {
    auto removing = request.hub.provisioning().remove_authority(std::string(request.ids[0]));
    auto removed = co_await std::move(removing);
    if (!removed) co_return fail(std::move(removed).error());
    co_return no_content();
}

}  // namespace carillon::rest
