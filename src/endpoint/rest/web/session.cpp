// Signing in to the dashboard: of our own making, so under /carillon/. Page: docs/dashboard.md.

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/hub/login_brake.hpp"
#include "endpoint/rest/errors.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/web/web_dashboard.hpp"
#include "wire/sas/connection_string.hpp"

#include <fmt/format.h>
#include <optional>
#include <utility>

namespace carillon::rest {

namespace {

auto refused(std::string why) {
    return fail(Errc::iot_hub_unauthorized_access, std::move(why));
}

std::string session_json(const Request& request, const WebSession& session) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("policy", session.policy).key("rights").begin_array();
    for (const auto name : right_names(session.rights)) json.value(name);
    json.end_array()
        .member("access", session.access == WebAccess::change ? "change" : "read")
        .member("expiresTime", to_iso8601(WallTime::from_unix_s(session.expires_s)))
        .member("csrfToken", request.web->sessions.csrf_token(session))
        .member("hostName", request.hub.host_names().front())
        .member("version", CARILLON_VERSION)
        .end_object();
    return body;
}

/// `__Host-` binds the cookie to this host, whole, and to HTTPS: RFC 6265bis §4.1.3.2.
std::string cookie_field(std::string_view value, std::int64_t lifetime_s) {
    return fmt::format("{}={}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Strict", web_cookie, value,
                       lifetime_s);
}

Result<WebAccess> read_access(JsonValue body) {
    const JsonValue access = body.find("access");
    if (access.is_null_or_absent() || access.string() == "read") return WebAccess::read;
    if (access.string() == "change") return WebAccess::change;
    return fail(Errc::argument_invalid, "access must be read or change.");
}

/// Who the body says it is: a connection string, or a policy's name and a key.
struct Login {
    std::string policy;
    std::string key;
};

Result<Login> read_login(JsonValue body) {
    const JsonValue text = body.find("connectionString");
    if (text.is_null_or_absent()) {
        return Login{std::string(trimmed(body.find("policy").string())),
                     std::string(trimmed(body.find("key").string()))};
    }
    const auto parts = sas::parse_connection_string(trimmed(text.string()));
    if (!parts) return fail(Errc::argument_invalid, "The connection string: " + parts.error().detail);
    if (!parts->device_id.empty()) {
        return fail(Errc::argument_invalid, "This is the connection string of a device, not of a policy.");
    }
    if (parts->key.empty()) return fail(Errc::argument_invalid, "The connection string has no key.");
    return Login{parts->key_name, parts->key};
}

/// The policy, if the key is one of its two. Takes as long whichever is wrong.
Policies::Shared find_policy(const Policies& policies, const Login& login) {
    static const SharedAccessPolicy nobody;
    auto policy = policies.find(login.policy);
    const SharedAccessPolicy& compared = policy != nullptr ? *policy : nobody;
    const bool is_primary = equals_in_constant_time(compared.primary_key, login.key);
    const bool is_secondary = equals_in_constant_time(compared.secondary_key, login.key);
    return policy != nullptr && !login.key.empty() && (is_primary || is_secondary) ? policy : nullptr;
}

/// The text of the session that the body opens, or why it opens none.
Result<std::string> open_session(const Request& request, JsonValue body) {
    WebSessions& sessions = request.web->sessions;
    const auto now = request.now;
    const std::int64_t never = now.unix_s() + WebSessions::lifetime_s;
    if (const JsonValue code = body.find("code"); code.is_string()) {
        auto opened = sessions.open_link(code.string(), now);
        if (!opened) return refused("The link is too old, or was used before. Make a new one.");
        return *std::move(opened);
    }
    const auto access = read_access(body);
    if (!access) return fail(access.error());
    if (body.find("proxy").boolean()) {
        const auto person = request.web->proxy.find_person(*request.http, request.peer);
        const auto by_proxy = person ? request.hub.policies().find(request.web->proxy.policy) : nullptr;
        if (by_proxy == nullptr) return refused("No reverse proxy that this hub trusts says who you are.");
        log.info("signed in to the dashboard by a proxy person=\"{}\" peer={} policy={}", *person,
                 request.peer, by_proxy->name);
        return sessions.open(*by_proxy, *access, now, never);
    }
    const auto login = read_login(body);
    if (!login) return fail(login.error());
    const auto policy = find_policy(request.hub.policies(), *login);
    if (policy == nullptr) return refused("The policy is unknown, or the key is not one of its keys.");
    return sessions.open(*policy, *access, now, never);
}

/// A key that is none is answered late, by how often that happened; the right one never waits.
void note_guess(Request& request, JsonValue body, const Error& why) {
    const auto login = read_login(body);
    const bool is_known = login && request.hub.policies().find(login->policy) != nullptr;
    const LoginBrake::Failure failure{
        .protocol = "dashboard",
        .identity = is_known ? std::string_view(login->policy) : std::string_view(),
        .peer = request.peer,
        .why = why.detail};
    request.answer_after = request.hub.logins().failed(failure, request.hub.shards().first().clock().now());
}

}  // namespace

Task<Result<HttpResponse>> sign_in(Request& request) {
    // A page of another site cannot send this type without asking first, which is not answered.
    const auto type = request.header("content-type").value_or("");
    if (!equals_ignoring_case(type.substr(0, type.find(';')), "application/json")) {
        co_return fail(Errc::argument_invalid, "The Content-Type must be application/json.");
    }
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    const auto opened = open_session(request, body->root());
    if (!opened) {
        const bool is_guess =
            opened.error().code == Errc::iot_hub_unauthorized_access && !body->root().find("proxy").boolean();
        if (is_guess) note_guess(request, body->root(), opened.error());
        co_return fail(opened.error());
    }
    const auto session = request.web->sessions.find(*opened, request.now);
    if (!session) co_return refused("The session is over already.");
    HttpResponse response = ok(session_json(request, *session));
    response.add("Set-Cookie", cookie_field(*opened, session->expires_s - request.now.unix_s()));
    response.add("Cache-Control", "no-store");
    co_return response;
}

Task<Result<HttpResponse>> get_session(Request& request) {
    if (request.session) co_return ok(session_json(request, *request.session));
    auto nobody = refused("Nobody is signed in.");
    const auto person = request.web->proxy.find_person(*request.http, request.peer);
    if (!person) co_return nobody;
    HttpResponse response =
        error_response(nobody.value(), request.now, request.hub.shards().first().random());
    response.add("X-Carillon-Person", *person);
    co_return response;
}

Task<Result<HttpResponse>> sign_out(Request& request) {
    HttpResponse response = no_content();
    response.add("Set-Cookie", cookie_field({}, 0));
    if (!request.session) co_return response;
    Shard& shard = request.hub.shards().first();
    // Ended and stored in one turn of one thread, so that what is stored last holds all.
    auto end = [web = request.web, session = *request.session, now = request.now](Shard& there) {
        there.committer().batch().put(Table::meta, std::string(WebDashboard::stored_key),
                                      web->sessions.end(session, now));
    };
    co_await request.hub.shards().call(shard, std::move(end));
    auto durable = request.hub.shards().on(shard, shard.committer().durable());
    auto stored = co_await std::move(durable);
    if (!stored) co_return fail(std::move(stored).error());
    co_return response;
}

Task<Result<HttpResponse>> make_sign_in_link(Request& request) {
    if (request.web->files.empty()) {
        co_return fail(Errc::feature_not_supported, "This hub was built without its dashboard.");
    }
    // A session would otherwise make itself last for ever, and a token for one device open the hub.
    if (!request.caller || !request.caller->covers_hub) {
        co_return refused("A link is made for a token of a policy that covers the whole hub.");
    }
    WebAccess access = WebAccess::read;
    if (!request.http->body.empty()) {
        const auto body = JsonDocument::parse(request.http->body);
        if (!body) co_return fail(body.error());
        const auto wanted = read_access(body->root());
        if (!wanted) co_return fail(wanted.error());
        access = *wanted;
    }
    const std::string code = request.web->sessions.make_link(request.caller->policy, access, request.now,
                                                             request.caller->expires.unix_s());
    std::string text;
    JsonWriter(text)
        .begin_object()
        // Behind the number sign: no server, log or referrer is told of it.
        .member("path", "/ui/sign-in#" + code)
        .member("expiresTime", to_iso8601(request.now.plus_s(WebSessions::link_lifetime_s)))
        .end_object();
    co_return ok(std::move(text));
}

}  // namespace carillon::rest
