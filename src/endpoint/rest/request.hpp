#pragma once

#include "base/clock.hpp"
#include "base/device_id.hpp"
#include "base/json.hpp"
#include "base/task.hpp"
#include "base/trace_context.hpp"
#include "core/hub/hub.hpp"
#include "core/registry/registry.hpp"
#include "core/shard/shard.hpp"
#include "endpoint/device/authentication.hpp"
#include "endpoint/rest/authorize.hpp"
#include "endpoint/rest/http/http_message.hpp"
#include "endpoint/rest/web/web_sessions.hpp"
#include "model/etag_match.hpp"
#include "model/jobs/job.hpp"
#include "model/twin.hpp"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {
class AuditLog;
class ClientAuthorities;
struct RegistrationRequest;
}  // namespace carillon

namespace carillon::rest {

class BackupPort;
class HttpHandler;
struct ModelHost;
struct WebDashboard;

/// The cookie of a dashboard's session.
inline constexpr std::string_view web_cookie = "__Host-carillon";

/// A request as handlers see it: routed, authorised, its path and api-version understood. Lives in
/// the connection, unmoved, until its answer is given.
struct Request {
    Hub& hub;
    const HttpRequest* http = nullptr;
    std::array<std::string_view, 3> ids{};  ///< What stands at the pattern's `{}`, decoded.
    std::string_view query;                 ///< Behind the `?`, still encoded.
    Flavour flavour = Flavour::ga;
    WallTime now;
    int connect_timeout_s = 0;                 ///< Set by direct methods, told if the device stays away.
    std::optional<Authorizer::Caller> caller;  ///< Who showed a token.
    AuditLog* audit = nullptr;                 ///< Null if the hub keeps none.
    BackupPort* backups = nullptr;             ///< Null if the hub makes none.
    ClientAuthorities* authorities = nullptr;  ///< Null in a cluster.
    ModelHost* models = nullptr;               ///< Null if the hub serves no language models.
    /// A handler for requests that this one makes in its caller's name; on the connection's thread.
    std::function<std::unique_ptr<HttpHandler>()> make_inner_handler{};
    WebDashboard* web = nullptr;  ///< Set for the routes of sessions.
    /// How the caller proved to be the device of the path, where the route asks for that. The dashboard's
    /// sessions stand on a policy.
    device::AuthMethod proved_by = device::AuthMethod::policy;
    std::optional<WebSession> session;  ///< Who is signed in, and showed no token.
    /// Who registers, once it has proved itself.
    std::shared_ptr<RegistrationRequest> registrant;
    std::optional<TraceContext> trace;  ///< What it is a part of, where spans are kept.
    std::string peer;                   ///< `address:port`
    std::string subject;                ///< What it is about, for the audit log, where no id says so.
    std::string id;                     ///< As the answer names it (`x-ms-request-id`).
    Duration answer_after{};            ///< Set by a login that failed: how long its answer waits.

    explicit Request(Hub& h) : hub(h) {}
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    /// The decoded value of a query parameter (name in any case; the first one counts), or nothing.
    std::optional<std::string> parameter(std::string_view name) const;
    std::optional<std::string_view> header(std::string_view name) const { return http->find(name); }

    /// The device, or module, the path names. Fails with `argument_invalid`.
    Result<IdentityKey> device_key() const { return IdentityKey::parse(ids[0]); }
    Result<IdentityKey> module_key() const;
    /// `If-Match` as identity routes read it, and as twin routes do.
    EtagMatch identity_match() const;
    EtagMatch twin_match() const;
};

/// The decoded value of `name` in a query string; names in any case, the first one counts.
std::optional<std::string> find_parameter(std::string_view query, std::string_view name);

/// Who asks, as the log of a job names it.
JobActor actor_of(const Request& request);

/// An answer of 200 with a JSON body, and with a quoted `ETag` if `etag` is given.
HttpResponse ok(std::string body, std::string_view etag = {});
HttpResponse no_content();

}  // namespace carillon::rest
