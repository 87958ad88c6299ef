// The authorities that sign device certificates, and the proof of possession of their keys: in the words and forms
// of the service's resource provider, whose paths end like these. Source: IoT Hub REST, Certificates.

#include "base/text.hpp"
#include "core/hub/client_authorities.hpp"
#include "endpoint/rest/operate/handlers.hpp"
#include "endpoint/rest/request.hpp"

#include <optional>

namespace carillon::rest {

namespace {

void append_certificate(JsonWriter& out, const ClientAuthority& authority, bool shows_code) {
    const EnrolledCertificate& certificate = authority.certificate;
    out.begin_object().member("id", "/certificates/" + authority.name).member("name", authority.name);
    out.member("type", "Microsoft.Devices/IotHubs/Certificates").member("etag", authority.etag);
    out.key("properties").begin_object();
    out.member("subject", certificate.subject).member("expiry", http_date(certificate.not_after.unix_s()));
    out.member("thumbprint", certificate.sha1).member("isVerified", authority.is_verified);
    out.member("created", http_date(authority.created.unix_s()));
    out.member("updated", http_date(authority.updated.unix_s()));
    if (shows_code) out.member("verificationCode", authority.code);
    out.member("certificate", certificate.der).end_object().end_object();
}

Result<HttpResponse> certificate_response(const Result<ClientAuthority>& authority, bool shows_code = false) {
    if (!authority) return fail(authority.error());
    std::string body;
    JsonWriter out(body);
    append_certificate(out, *authority, shows_code);
    return ok(std::move(body), authority->etag);
}

/// The service takes the bytes of a file, PEM or DER, in base64; PEM as it is passes too.
std::string certificate_text(std::string_view given) {
    const auto file = base64_decode(given);
    return file && file->find("-----BEGIN") != std::string::npos ? *file : std::string(given);
}

Result<ClientAuthorities*> authorities_of(const Request& request) {
    if (request.authorities != nullptr) return request.authorities;
    return fail(Errc::feature_not_supported,
                "In a cluster, authorities of devices are named by the setting tls.client_ca of each node.");
}

EtagMatch match_of(const Request& request) {
    return EtagMatch::parse(request.header("if-match"), EtagMatch::Unquoted::compare);
}

}  // namespace

Task<Result<HttpResponse>> list_certificates(Request& request) {
    const auto authorities = authorities_of(request);
    if (!authorities) co_return fail(authorities.error());
    std::string body;
    JsonWriter out(body);
    out.begin_object().key("value").begin_array();
    for (const ClientAuthority& authority : (*authorities)->all()) append_certificate(out, authority, false);
    out.end_array().end_object();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_certificate(Request& request) {
    const auto authorities = authorities_of(request);
    if (!authorities) co_return fail(authorities.error());
    co_return certificate_response((*authorities)->find(request.ids[0]));
}

/// `{"properties":{"certificate":"…","isVerified":false}}`
Task<Result<HttpResponse>> put_certificate(Request& request) {
    const auto authorities = authorities_of(request);
    if (!authorities) co_return fail(authorities.error());
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    const JsonValue properties = body->root().find("properties");
    const JsonValue vouched = properties.find("isVerified");
    auto putting = (*authorities)
                       ->put(std::string(request.ids[0]), certificate_text(properties.find("certificate").string()),
                             vouched.is_boolean() && vouched.boolean(), match_of(request));
    const auto written = co_await std::move(putting);
    co_return certificate_response(written);
}

Task<Result<HttpResponse>> delete_certificate(Request& request) {
    const auto authorities = authorities_of(request);
    if (!authorities) co_return fail(authorities.error());
    auto removing = (*authorities)->remove(std::string(request.ids[0]), match_of(request));
    auto removed = co_await std::move(removing);
    if (!removed) co_return fail(std::move(removed).error());
    co_return no_content();
}

Task<Result<HttpResponse>> generate_verification_code(Request& request) {
    const auto authorities = authorities_of(request);
    if (!authorities) co_return fail(authorities.error());
    auto beginning = (*authorities)->begin_proof(std::string(request.ids[0]), match_of(request));
    const auto begun = co_await std::move(beginning);
    co_return certificate_response(begun, true);
}

/// `{"certificate":"…"}`: one with the code as its common name, signed by the authority.
Task<Result<HttpResponse>> verify_certificate(Request& request) {
    const auto authorities = authorities_of(request);
    if (!authorities) co_return fail(authorities.error());
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    auto proving = (*authorities)
                       ->prove(std::string(request.ids[0]),
                               certificate_text(body->root().find("certificate").string()), match_of(request));
    const auto proved = co_await std::move(proving);
    co_return certificate_response(proved);
}

}  // namespace carillon::rest
