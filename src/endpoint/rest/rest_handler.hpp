#pragma once

#include "base/random.hpp"
#include "base/spans.hpp"
#include "endpoint/rest/authorize.hpp"
#include "endpoint/rest/errors.hpp"
#include "endpoint/rest/http/http_connection.hpp"
#include "endpoint/rest/relay/passed_request.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rest_endpoint.hpp"
#include "endpoint/rest/rest_metrics.hpp"
#include "endpoint/rest/routes.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace carillon::device {
struct RegistrantCredentials;
}

namespace carillon::rest {

class BlobExchange;

/// The requests of one connection: finds the route, checks the caller, the length and the
/// api-version, calls the handler, and turns errors into the service's bodies. Every answer carries
/// `x-ms-request-id`.
class RestHandler final : public HttpHandler {
public:
    /// `running` counts requests at work, so that a shutdown can wait for them; `peer` is the `address:port`
    /// at the other end. All but that outlive the handler.
    RestHandler(Hub& hub, WebSocketFactory* websockets, std::atomic<std::size_t>& running,
                RestMetrics& metrics, WebDashboard* web = nullptr, std::string peer = {},
                BackupPort* backups = nullptr, AuditLog* audit = nullptr, const Channel* channel = nullptr);
    ~RestHandler() override;

    /// Refuses what changes something; before the first request.
    void only_read() { only_reads_ = true; }
    /// Outlives the handler, as what follows does.
    void use(ModelHost& models);
    /// Takes the spans of requests; null if none are made.
    void use(SpanSink* spans) { spans_ = spans; }
    void use(ClientAuthorities* authorities) { request_.authorities = authorities; }
    /// Passes on what other nodes serve; null if there are none.
    void use(RequestRelay* relay) { relay_ = relay; }

    /// Answers a request that another node has passed on, in place of all below. Its caller is believed.
    Task<PassedAnswer> answer_passed(PassedRequest passed);

    Admission admit(const HttpRequest& request) override;
    Task<std::optional<HttpResponse>> authenticate(const HttpRequest& request) override;
    Task<bool> take_body(std::string piece) override;
    Task<HttpResponse> answer(const HttpRequest& request) override;
    HttpResponse refuse(Errc code, std::string_view text) override;
    bool is_upgrade(const HttpRequest& request) const override;
    void upgrade(std::unique_ptr<Channel> channel, const HttpRequest& request, std::string surplus) override;

private:
    /// Everything the header tells; fails with what to answer.
    Result<> understand(const HttpRequest& request, bool& is_authenticated);
    /// Whether a path that no route has would be one of provisioning, whose errors have a form of their own.
    bool names_provisioning(std::string_view path) const;
    /// Who is signed in by the request's cookie; nothing where it shows a token.
    std::optional<WebSession> find_session(const HttpRequest& request) const;
    /// Whether the session may do what the route does, and meant to.
    Result<> check_session(const HttpRequest& request) const;
    /// Whether the device in the path signed the request's token.
    Task<Result<>> check_device();
    /// Whether the caller is the device in the path.
    Task<Result<>> prove_device(const HttpRequest& request);
    /// Whether the caller may register under the id in the path.
    Task<Result<>> prove_registrant(const HttpRequest& request);
    /// `identity` is a policy or a device; empty if the hub has none of this name.
    void note_wrong_login(std::string_view identity, const Error& error);
    /// Counts an answer to the request admitted last.
    void count(const HttpResponse& response);
    void begin_span(const HttpRequest& request);
    void end_span(const HttpResponse& response);
    Task<HttpResponse> carry_out(const HttpRequest& request);
    /// What another node answers; nothing if this one is to serve it.
    Task<std::optional<HttpResponse>> pass_on(const HttpRequest& request);
    /// Calls the handler, and notes in the audit log what it changed.
    Task<Result<HttpResponse>> handle_audited();
    /// The same for what goes no further, counted.
    HttpResponse rejected(const Error& error);
    HttpResponse failed(const Error& error, ErrorContext context = {});
    void stamp(HttpResponse& response);
    /// Records what a session did; adds what a browser is to be told.
    void note_for_session(const HttpRequest& request, HttpResponse& response) const;

    Hub& hub_;
    WebSocketFactory* websockets_;
    std::atomic<std::size_t>& running_;
    RestMetrics& metrics_;  ///< Of the connection's thread.
    WebDashboard* web_;
    Clock& clock_;
    SeededRandom ids_;  ///< Request and tracking ids: unlikely to repeat, no secrets.
    Authorizer authorizer_;
    Path path_;
    RouteMatch match_;
    Request request_;
    const Channel* channel_;
    SpanSink* spans_ = nullptr;
    RequestRelay* relay_ = nullptr;
    std::optional<Authorizer::Caller> passed_caller_;  ///< Of a request that another node passed on.
    std::optional<TraceContext> span_parent_;          ///< As the caller said.
    WallTime span_began_{};
    bool only_reads_ = false;
    std::optional<PeerCertificate> certificate_;                 ///< Of a request that a device has to prove.
    std::shared_ptr<device::RegistrantCredentials> registrant_;  ///< Of one that registers.
    bool awaits_device_ = false;          ///< Who signed is looked up before the body is read.
    bool names_provisioning_ = false;     ///< The path of the request, whether there is such a route or not.
    bool is_file_ = false;                ///< The request is for a file of the dashboard.
    std::unique_ptr<BlobExchange> blob_;  ///< The request brings a file of a device.
    TimePoint began_{};                   ///< When the request was admitted.
};

/// The flavour of an `api-version`. Fails with `invalid_protocol_version` unless it reads
/// `YYYY-MM-DD` or `YYYY-MM-DD-preview`. Source: azure-iot-hub-python: service.json.
Result<Flavour> parse_api_version(std::optional<std::string_view> text);

}  // namespace carillon::rest
