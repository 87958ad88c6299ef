#include "endpoint/rest/rest_handler.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/hub/audit_log.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/hub_keys.hpp"
#include "core/hub/login_brake.hpp"
#include "core/messages/files/uploads.hpp"
#include "core/messages/messages.hpp"
#include "core/provisioning/provisioning.hpp"
#include "core/registry/registry.hpp"
#include "core/shard/throttles.hpp"
#include "endpoint/device/device_requests.hpp"
#include "endpoint/device/registrant.hpp"
#include "endpoint/rest/audit.hpp"
#include "endpoint/rest/errors.hpp"
#include "endpoint/rest/files/blob_exchange.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/web/web_dashboard.hpp"
#include "wire/sas/sas_token.hpp"

namespace carillon::rest {

Result<Flavour> parse_api_version(std::optional<std::string_view> text) {
    static constexpr std::string_view form = "dddd-dd-dd";
    static constexpr std::string_view preview = "-preview";
    if (!text) return fail(Errc::invalid_protocol_version, "The api-version is missing.");
    std::string_view date = *text;
    if (date.ends_with(preview)) date.remove_suffix(preview.size());
    bool is_good = date.size() == form.size();
    for (std::size_t i = 0; is_good && i < form.size(); ++i) {
        is_good = form[i] == 'd' ? date[i] >= '0' && date[i] <= '9' : date[i] == form[i];
    }
    if (!is_good) return fail(Errc::invalid_protocol_version, "The api-version is malformed.");
    return *text == "2016-09-30-preview" ? Flavour::preview : Flavour::ga;
}

RestHandler::RestHandler(Hub& hub, WebSocketFactory* websockets, std::atomic<std::size_t>& running,
                         RestMetrics& metrics, WebDashboard* web, std::string peer, BackupPort* backups,
                         AuditLog* audit, const Channel* channel)
    : hub_(hub),
      websockets_(websockets),
      running_(running),
      metrics_(metrics),
      web_(web),
      clock_(hub.shards()[0].clock()),
      ids_(hub.shards()[0].random().u64()),
      authorizer_(hub.policies(), hub.host_names()),
      request_(hub),
      channel_(channel) {
    request_.web = web;
    request_.audit = audit;
    request_.backups = backups;
    request_.peer = std::move(peer);
}

RestHandler::~RestHandler() = default;

void RestHandler::use(ModelHost& models) {
    request_.models = &models;
    request_.make_inner_handler = [this]() -> std::unique_ptr<HttpHandler> {
        auto inner = std::make_unique<RestHandler>(hub_, nullptr, running_, metrics_, web_, request_.peer,
                                                   nullptr, request_.audit);
        inner->only_reads_ = only_reads_;
        inner->spans_ = spans_;
        return inner;
    };
}

std::optional<WebSession> RestHandler::find_session(const HttpRequest& request) const {
    if (web_ == nullptr || request.find("authorization")) return std::nullopt;
    const auto field = request.find("cookie");
    if (!field) return std::nullopt;
    for (std::string_view cookie : split(*field, ';')) {
        cookie = trimmed(cookie);
        const std::size_t equals = cookie.find('=');
        if (equals == std::string_view::npos || cookie.substr(0, equals) != web_cookie) continue;
        return web_->sessions.find(cookie.substr(equals + 1), request_.now);
    }
    return std::nullopt;
}

Result<> RestHandler::check_session(const HttpRequest& request) const {
    const WebSession& session = *request_.session;
    const Route& route = *match_.route;
    // A browser sends the cookie by itself; the page alone knows the token. SameSite is the other lock.
    if (route.method != "GET") {
        const auto token = request.find("x-carillon-csrf").value_or("");
        if (!equals_in_constant_time(token, web_->sessions.csrf_token(session))) {
            return fail(Errc::iot_hub_unauthorized, "The session's token for writing requests is missing.");
        }
    }
    if (route.need.is_open()) return {};
    if (!route.need.is_met_by(session.rights)) {
        return fail(Errc::iot_hub_unauthorized_access,
                    "The shared access policy " + session.policy + " does not allow this operation.");
    }
    if (changes_something(route) && session.access == WebAccess::read) {
        return fail(Errc::iot_hub_unauthorized_access,
                    "This session is for reading only. Sign in again, with changes allowed.");
    }
    return {};
}

bool RestHandler::names_provisioning(std::string_view path) const {
    path.remove_prefix(1);
    const std::string_view word = path.substr(0, path.find('/'));
    return equals_ignoring_case(word, "enrollments") || equals_ignoring_case(word, "enrollmentGroups") ||
           equals_ignoring_case(word, "registrations") || hub_.provisioning().has_scope(word);
}

Result<> RestHandler::understand(const HttpRequest& request, bool& is_authenticated) {
    // RFC 9110 §8.6; without it a lost body would look like an empty one. The service answers 411.
    const bool has_body = request.method == "PUT" || request.method == "POST" || request.method == "PATCH";
    if (has_body && !request.has_length()) {
        return fail(Errc::generic_length_required, "A Content-Length is required.");
    }
    const std::string_view target = request.target.substr(0, request.target.find('#'));
    const std::size_t question = target.find('?');
    names_provisioning_ = names_provisioning(target.substr(0, question));
    if (auto parsed = path_.parse(target.substr(0, question)); !parsed) return parsed;

    std::string_view method = request.method;
    // The Java client's HTTP stack cannot send PATCH (azure-iot-sdk-java: DeviceTwin.java).
    if (method == "POST") {
        const auto override_method = request.find("x-http-method-override");
        if (override_method && equals_ignoring_case(*override_method, "PATCH")) method = "PATCH";
    }
    match_ = {};
    auto match = find_route(method, path_);
    if (!match) return fail(std::move(match).error());
    match_ = *match;

    request_.caller.reset();
    request_.subject.clear();
    request_.registrant = nullptr;
    awaits_device_ = false;
    request_.proved_by = device::AuthMethod::policy;
    request_.session = find_session(request);
    if (request_.session && match_.route->handler != sign_in) {
        if (auto allowed = check_session(request); !allowed) return allowed;
        is_authenticated = true;
    } else if (match_.route->need.as_registrant) {
        awaits_device_ = true;
        registrant_ = std::make_shared<device::RegistrantCredentials>();
        if (channel_ != nullptr) device::take_certificate(*registrant_, *channel_);
    } else if (match_.route->need.as_device) {
        awaits_device_ = true;
        const PeerCertificate* shown = channel_ != nullptr ? channel_->peer_certificate() : nullptr;
        certificate_ = shown != nullptr ? std::optional(*shown) : std::nullopt;
    } else if (passed_caller_) {
        request_.caller = *passed_caller_;
        is_authenticated = true;
    } else if (!match_.route->need.is_open()) {
        auto allowed = authorizer_.check(request.find("authorization"), match_.route->need, path_.segments(),
                                         match_.ids(), request_.now);
        if (!allowed) {
            if (authorizer_.is_wrong()) note_wrong_login(authorizer_.claimed_policy(), allowed.error());
            return fail(std::move(allowed).error());
        }
        awaits_device_ = *allowed == Admitted::if_signed_by_device;
        is_authenticated = !awaits_device_;
        if (is_authenticated) request_.caller = authorizer_.caller();
    }
    if (only_reads_ && !carillon::rest::only_reads(*match_.route)) {
        return fail(
            Errc::operation_not_allowed_in_current_state,
            "This hub was started for reading only (carillon serve --read-only) and takes no changes.");
    }
    const std::string_view pattern = match_.route->pattern;
    const bool needs_web =
        pattern.starts_with("/carillon/session") || pattern.starts_with("/carillon/overview");
    if (web_ == nullptr && needs_web) {
        return fail(Errc::feature_not_supported, "This hub has no dashboard.");
    }
    request_.query = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
    const auto version = request_.parameter("api-version");
    // Routes of our own are no part of what the service's versions name, so they need not say one.
    auto flavour =
        !version && is_ours(*match_.route) ? Result<Flavour>(Flavour::ga) : parse_api_version(version);
    if (!flavour) return fail(std::move(flavour).error());
    request_.flavour = *flavour;
    request_.http = &request;
    for (std::size_t i = 0; i < match_.id_count; ++i) {
        request_.ids[i] = path_.segments()[match_.id_positions[i]];
    }
    if (request.content_length.value_or(0) > match_.route->body_bytes_max) {
        return fail(Errc::generic_request_entity_too_large, "The request body is too large.");
    }
    return {};
}

HttpHandler::Admission RestHandler::admit(const HttpRequest& request) {
    Admission admission;
    match_ = {};
    names_provisioning_ = false;
    began_ = clock_.now();
    request_.id = ids_.uuid();
    if (!request.authority.empty() && !sas::is_hub_name(request.authority, hub_.host_names())) {
        admission.refusal = refuse(Errc::generic_bad_request, "The request target names another host.");
        return admission;
    }
    if (is_upgrade(request)) return admission;
    blob_.reset();
    if (Uploads& uploads = hub_.messages().uploads();
        uploads.is_on() && BlobExchange::is_for(request.target)) {
        blob_ = std::make_unique<BlobExchange>(uploads);
        admission = blob_->admit(request, clock_.wall_now());
        if (admission.refusal) stamp(*admission.refusal);
        return admission;
    }
    is_file_ = web_ != nullptr && !web_->files.empty() && is_web_path(request.target);
    if (is_file_) return admission;
    request_.now = clock_.wall_now();
    if (spans_ != nullptr) begin_span(request);
    request_.connect_timeout_s = 0;
    request_.answer_after = Duration::zero();
    auto understood = understand(request, admission.is_authenticated);
    if (request_.session) admission.key = request_.session->key;
    if (request_.caller) admission.key = request_.caller->key;
    if (!understood) {
        admission.refusal = rejected(understood.error());
    } else {
        admission.body_bytes_max = match_.route->body_bytes_max;
        admission.awaits_authentication = awaits_device_;
    }
    return admission;
}

void RestHandler::count(const HttpResponse& response) {
    RouteMetrics& route = metrics_.of(match_.route);
    const auto status_class = static_cast<std::size_t>(response.status / 100);
    ++route.answers[status_class < RouteMetrics::classes ? status_class : 0];
    // What waits on purpose says nothing of the hub, and a stream is ready at once.
    if (response.wait == Duration::zero() && !response.stream) route.seconds.add(clock_.now() - began_);
    if (request_.trace) end_span(response);
}

namespace {

/// What other tracing systems have noted. Several lines are one list. Source: W3C Trace Context, §3.3.1.
std::string state_of(const HttpRequest& request) {
    std::string state;
    for (const HttpField& field : request.fields) {
        if (!equals_ignoring_case(field.name, "tracestate") || field.value.empty()) continue;
        if (!state.empty()) state += ',';
        state += field.value;
        if (state.size() > TraceContext::state_bytes_max) break;
    }
    return state;
}

}  // namespace

void RestHandler::begin_span(const HttpRequest& request) {
    const auto named = request.find("traceparent");
    span_parent_ = named ? TraceContext::parse(*named, state_of(request)) : std::nullopt;
    request_.trace = spans_->continue_from(span_parent_);
    span_began_ = request_.now;
}

void RestHandler::end_span(const HttpResponse& response) {
    Span span;
    span.context = *std::exchange(request_.trace, std::nullopt);
    if (!span.context.is_sampled) return;
    span.parent = span_parent_;
    span.kind = Span::Kind::server;
    span.began = span_began_;
    span.took = clock_.now() - began_;
    span.has_failed = response.status >= 500;
    if (match_.route != nullptr) {
        span.name = std::string(match_.route->method) + ' ' + std::string(match_.route->pattern);
        span.texts.emplace_back("http.request.method", match_.route->method);
        span.texts.emplace_back("http.route", match_.route->pattern);
    } else {
        span.name = "HTTP";  // No route is named: a stranger chooses the path.
    }
    span.texts.emplace_back("carillon.request_id", request_.id);
    if (request_.caller) span.texts.emplace_back("carillon.policy", request_.caller->policy);
    if (request_.session) span.texts.emplace_back("carillon.policy", request_.session->policy);
    span.numbers.emplace_back("http.response.status_code", response.status);
    spans_->ended(std::move(span));
}

Task<bool> RestHandler::take_body(std::string piece) {
    return blob_->take_body(std::move(piece));
}

Task<HttpResponse> RestHandler::answer(const HttpRequest& request) {
    if (blob_) {
        auto answering = blob_->answer(request);
        HttpResponse response = co_await std::move(answering);
        stamp(response);
        co_return response;
    }
    if (is_file_) co_return answer_with_file(web_->files, request);
    auto carrying = carry_out(request);
    HttpResponse response = co_await std::move(carrying);
    count(response);
    co_return response;
}

namespace {

/// Counts one request while it runs, however it ends.
struct RunningRequest {
    explicit RunningRequest(std::atomic<std::size_t>& c) : count(c) { ++count; }
    ~RunningRequest() { --count; }
    RunningRequest(const RunningRequest&) = delete;
    RunningRequest& operator=(const RunningRequest&) = delete;
    std::atomic<std::size_t>& count;
};

}  // namespace

Task<HttpResponse> RestHandler::carry_out(const HttpRequest& request) {
    const RunningRequest running(running_);
    const ThrottleClass throttle = match_.route->throttle;
    if (throttle != ThrottleClass::none && hub_.throttles().is_on()) {
        auto passing = pass_throttle(hub_.shards(), hub_.throttles(), throttle, 1);
        const auto passed = co_await std::move(passing);
        if (!passed) co_return failed(passed.error());
    }
    if (hub_.throttles().callers().limits_policies() && (request_.caller || request_.session)) {
        std::string policy = request_.caller ? request_.caller->policy : request_.session->policy;
        auto passing = pass_policy_limit(hub_.shards(), hub_.throttles(), std::move(policy));
        const auto passed = co_await std::move(passing);
        if (!passed) co_return failed(passed.error());
    }
    if (relay_ != nullptr && (request_.caller || request_.session) && relay_->passes_on(*match_.route)) {
        auto passing = pass_on(request);
        auto passed = co_await std::move(passing);
        if (passed) co_return *std::move(passed);
    }
    auto handling = handle_audited();
    auto result = co_await std::move(handling);
    if (!result) {
        ErrorContext context;
        context.is_of_method = is_direct_method(*match_.route);
        context.connect_timeout_s = request_.connect_timeout_s;
        co_return failed(result.error(), context);
    }
    if (request_.session) note_for_session(request, *result);
    stamp(*result);
    co_return *std::move(result);
}

Task<std::optional<HttpResponse>> RestHandler::pass_on(const HttpRequest& request) {
    Authorizer::Caller caller;
    if (request_.caller) {
        caller = *request_.caller;
    } else {
        caller.policy = request_.session->policy;
    }
    auto passing = relay_->pass_on(*match_.route,
                                   passed_request(request, std::move(caller), request_.id, request_.peer));
    auto answer = co_await std::move(passing);
    if (!answer) co_return failed(answer.error());
    if (!*answer) co_return std::nullopt;
    HttpResponse response = response_of(**std::move(answer));
    if (request_.session) note_for_session(request, response);
    stamp(response);
    co_return response;
}

namespace {

/// All of a body that is made while it is sent. False if it is too long to be passed on.
Task<bool> gather_body(BodySource& source, std::string& body) {
    for (;;) {
        auto making = source.next();
        const std::string piece = co_await std::move(making);
        if (piece.empty()) co_return true;
        if (body.size() + piece.size() > PassedAnswer::body_bytes_max) co_return false;
        body += piece;
    }
}

}  // namespace

Task<PassedAnswer> RestHandler::answer_passed(PassedRequest passed) {
    const RunningRequest running(running_);
    passed_caller_ = passed.caller;
    const HttpRequest request = request_of(passed);
    began_ = clock_.now();
    request_.now = clock_.wall_now();
    request_.id = passed.id;
    request_.peer = passed.peer;
    bool is_authenticated = false;
    auto understood = understand(request, is_authenticated);
    if (understood && !is_authenticated)
        understood = fail(Errc::service_unavailable, "This request cannot be passed on between nodes.");
    HttpResponse response;
    if (understood) {
        auto handling = handle_audited();
        auto result = co_await std::move(handling);
        response = result ? *std::move(result) : failed(result.error());
    } else {
        response = failed(understood.error());
    }
    std::string body(response.content());
    bool is_whole = response.stream == nullptr;
    if (response.source != nullptr) {
        auto gathering = gather_body(*response.source, body);
        is_whole = co_await std::move(gathering);
    }
    if (!is_whole) {
        response =
            failed(Error{Errc::service_unavailable,
                         "This answer cannot be passed on between nodes. Ask the node that serves it."});
        body = response.body;
    }
    PassedAnswer answer;
    answer.status = response.status;
    answer.fields = std::move(response.fields);
    answer.content_type = response.content_type;
    answer.body = std::move(body);
    answer.closes = response.closes;
    co_return answer;
}

Task<std::optional<HttpResponse>> RestHandler::authenticate(const HttpRequest& request) {
    const Need& need = match_.route->need;
    auto proving = need.as_device       ? prove_device(request)
                   : need.as_registrant ? prove_registrant(request)
                                        : check_device();
    const auto proved = co_await std::move(proving);
    if (proved) co_return std::nullopt;
    if (need.as_registrant) {
        const bool is_known_scope = proved.error().code == Errc::iot_hub_unauthorized_access;
        if (!is_known_scope) co_return rejected(proved.error());
        note_wrong_login(request_.ids[1], proved.error());
        // What was wrong is for the log.
        co_return rejected(Error{Errc::iot_hub_unauthorized_access, "Unauthorized"});
    }
    // A disabled device has proved itself.
    const bool is_wrong = proved.error().code == Errc::iot_hub_unauthorized_access;
    const auto key = request_.device_key();
    if (is_wrong) note_wrong_login(key ? key->device.str() : std::string_view(), proved.error());
    co_return rejected(proved.error());
}

/// What a stranger hears is the same for a device that is not there and a key that is wrong; the log says
/// more.
Task<Result<>> RestHandler::prove_device(const HttpRequest& request) {
    auto key = request_.device_key();
    if (!key) co_return fail(std::move(key).error());
    device::RequestCredentials credentials{.key = *std::move(key),
                                           .host = hub_.host_names().front(),
                                           .token = std::nullopt,
                                           .certificate = std::exchange(certificate_, std::nullopt)};
    if (const auto token = request.find("authorization")) credentials.token = *token;
    if (!credentials.token && !credentials.certificate) {
        co_return fail(Errc::iot_hub_unauthorized_access, "The Authorization header is missing.");
    }
    auto proving = device::authenticate(hub_, std::move(credentials));
    const auto proof = co_await std::move(proving);
    if (proof) {
        request_.proved_by = proof->method;
        co_return Result<>{};
    }
    if (proof.error().code == Errc::device_disabled) {
        co_return fail(Errc::iot_hub_unauthorized, "The device is disabled.");
    }
    co_return fail(Errc::iot_hub_unauthorized_access,
                   "The credentials are not valid for this device: " + proof.error().detail + ".");
}

Task<Result<>> RestHandler::prove_registrant(const HttpRequest& request) {
    device::RegistrantCredentials credentials = std::move(*std::exchange(registrant_, nullptr));
    credentials.scope = request_.ids[0];
    credentials.registration_id = request_.ids[1];
    if (const auto token = request.find("authorization")) credentials.token = std::string(*token);
    credentials.api_version = request_.parameter("api-version").value_or("");
    // Its body may hold the keys of a TPM, which are a beginning.
    const bool is_bare = !credentials.token && credentials.certificate_sha256.empty();
    if (is_bare && match_.route->handler == register_device &&
        hub_.provisioning().has_scope(credentials.scope))
        co_return Result<>{};
    auto finding = device::identify_registrant(hub_, std::move(credentials), request_.now);
    auto found = co_await std::move(finding);
    if (!found) co_return fail(std::move(found).error());
    request_.registrant = std::make_shared<RegistrationRequest>(*std::move(found));
    co_return Result<>{};
}

Task<Result<HttpResponse>> RestHandler::handle_audited() {
    const Route& route = *match_.route;
    if (request_.audit == nullptr || !request_.audit->is_on() || !is_audited(route) || only_reads_) {
        auto handling = route.handler(request_);
        co_return co_await std::move(handling);
    }
    const auto entry = std::make_unique<AuditEntry>();
    const auto identity = audited_identity(route, request_);
    if (identity) {
        auto hashing = hash_identity(hub_, *identity);
        entry->before = co_await std::move(hashing);
    }
    auto handling = route.handler(request_);
    auto result = co_await std::move(handling);
    // What a caller did wrong has changed nothing; of what went wrong here nobody knows.
    const int status = result ? result->status : http_status(result.error().code);
    if (status >= 400 && (status < 500 || is_direct_method(route))) co_return result;
    if (identity) {
        auto hashing = hash_identity(hub_, *identity);
        entry->after = co_await std::move(hashing);
    } else if (result && !is_direct_method(route)) {
        entry->after = sha256_hex(result->content());
    }
    describe_change(*entry, route, request_, match_.ids().size());
    entry->status = status;
    if (is_direct_method(route)) {  // It does not wait for a disk.
        request_.audit->note(std::move(*entry));
        co_return result;
    }
    auto writing = request_.audit->write(std::move(*entry));
    const auto written = co_await std::move(writing);
    if (written || !result) co_return result;
    log.error("change not noted in the audit log operation=\"{} {}\" id={} reason={}", route.method,
              route.pattern, request_.id, written.error().detail);
    co_return fail(Errc::service_unavailable,
                   "The change was made, but could not be noted in the audit log.");
}

Task<Result<>> RestHandler::check_device() {
    auto key = request_.device_key();
    if (!key) co_return authorizer_.check_device(nullptr);
    auto finding = hub_.registry().find(*std::move(key));
    const auto found = co_await std::move(finding);
    if (!found) co_return authorizer_.check_device(nullptr);
    const Identity device = found->document.identity.unpack();
    auto checked = authorizer_.check_device(&device);
    const auto& revocations = hub_.keys().revocations();
    if (checked && revocations.refuses(found->key.device, authorizer_.claimed_end())) {
        co_return fail(Errc::iot_hub_unauthorized_access, "The token is revoked.");
    }
    co_return checked;
}

void RestHandler::note_for_session(const HttpRequest& request, HttpResponse& response) const {
    const Route& route = *match_.route;
    const std::string_view path = request.target.substr(0, request.target.find('?'));
    if (changes_something(route)) {
        log.info("changed in the dashboard policy={} session={} method={} path={}", request_.session->policy,
                 request_.session->id, route.method, path);
    } else if (tells_keys(route)) {
        log.info("keys shown in the dashboard policy={} session={} path={}", request_.session->policy,
                 request_.session->id, path);
    }
    // What a browser is given stays out of its cache, and is never taken for markup.
    response.add("X-Content-Type-Options", "nosniff");
    if (!response.stream) response.add("Cache-Control", "no-store");
}

void RestHandler::note_wrong_login(std::string_view identity, const Error& error) {
    const LoginBrake::Failure failure{
        .protocol = "https", .identity = identity, .peer = request_.peer, .why = error.detail};
    request_.answer_after = hub_.logins().failed(failure, clock_.now());
}

HttpResponse RestHandler::failed(const Error& error, ErrorContext context) {
    context.is_of_provisioning =
        match_.route != nullptr ? is_of_provisioning(*match_.route) : names_provisioning_;
    HttpResponse response = error_response(error, clock_.wall_now(), ids_, context);
    // Devices that register take an error of ours for final unless it says when to come back.
    if (context.is_of_provisioning && response.status >= 429)
        response.add("Retry-After", std::to_string(device::registration_retry_s));
    log.debug("request refused id={} peer={} operation=\"{} {}\" status={} code={} why=\"{}\"", request_.id,
              request_.peer, match_.route ? match_.route->method : "",
              match_.route ? match_.route->pattern : "", response.status, errc_name(error.code),
              error.detail);
    response.wait = std::exchange(request_.answer_after, Duration::zero());
    stamp(response);
    return response;
}

HttpResponse RestHandler::rejected(const Error& error) {
    HttpResponse response = failed(error);
    count(response);
    return response;
}

HttpResponse RestHandler::refuse(Errc code, std::string_view text) {
    match_ = {};
    names_provisioning_ = false;
    return rejected(Error{code, std::string(text)});
}

void RestHandler::stamp(HttpResponse& response) {
    if (passed_caller_) return;  // The node that passed it on does.
    response.add("x-ms-request-id", request_.id.empty() ? ids_.uuid() : request_.id);
}

namespace {

bool is_websocket(const Path& path) {
    const auto segments = path.segments();
    if (segments.size() != 2 || !equals_ignoring_case(segments[1], "websocket")) return false;
    return equals_ignoring_case(segments[0], "$iothub") || equals_ignoring_case(segments[0], "$servicebus");
}

}  // namespace

bool RestHandler::is_upgrade(const HttpRequest& request) const {
    if (websockets_ == nullptr || request.method != "GET") return false;
    const auto protocol = request.find("upgrade");
    if (!protocol || !equals_ignoring_case(*protocol, "websocket")) return false;
    Path path;
    return path.parse(request.target.substr(0, request.target.find_first_of("?#"))) && is_websocket(path);
}

void RestHandler::upgrade(std::unique_ptr<Channel> channel, const HttpRequest& request, std::string surplus) {
    websockets_->upgrade(std::move(channel), request, std::move(surplus));
}

}  // namespace carillon::rest
