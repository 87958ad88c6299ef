#include "server/admin_endpoint.hpp"

#include "base/text.hpp"
#include "endpoint/rest/http/http_connection.hpp"

#include <chrono>
#include <thread>
#include <utility>

namespace carillon {
namespace {

/// How long connections have to end, and between looks whether they have.
constexpr std::chrono::seconds stop_max{1};
constexpr std::chrono::milliseconds stop_step{1};

using rest::HttpRequest;
using rest::HttpResponse;

HttpResponse plain(int status, std::string text) {
    HttpResponse response;
    response.status = status;
    response.body = std::move(text);
    response.content_type = "text/plain; charset=utf-8";
    return response;
}

/// The requests of one connection.
class AdminHandler final : public rest::HttpHandler {
public:
    AdminHandler(AdminPages& pages, const std::string& token) : pages_(pages), token_(token) {}

    Admission admit(const HttpRequest& request) override {
        Admission admission;
        admission.body_bytes_max = 0;
        path_ = request.target.substr(0, request.target.find('?'));
        const bool is_known = path_ == "/metrics" || path_ == "/healthz" || path_ == "/readyz";
        const bool is_allowed = is_token(request);
        admission.is_authenticated = is_allowed;
        if (!is_known) {
            admission.refusal = plain(404, "There are /metrics, /healthz and /readyz.\n");
        } else if (request.method != "GET") {
            admission.refusal = plain(405, "Only GET.\n");
            admission.refusal->add("Allow", "GET");
        } else if (path_ == "/metrics" && !is_allowed) {
            admission.refusal = plain(401, "The token of admin.token_file is missing or wrong.\n");
            admission.refusal->add("WWW-Authenticate", "Bearer");
        }
        return admission;
    }

    Task<HttpResponse> answer(const HttpRequest& request) override {
        HttpResponse response;
        if (path_ == "/metrics") {
            const auto accept = request.find("accept").value_or("");
            const auto format = accept.find("application/openmetrics-text") != std::string_view::npos
                                    ? MetricsFormat::open_metrics
                                    : MetricsFormat::prometheus;
            auto making = pages_.metrics(format);
            response.body = co_await std::move(making);
            response.content_type = media_type(format);
            co_return response;
        }
        AdminPages::Health health = path_ == "/healthz" ? pages_.health() : pages_.readiness();
        response.status = health.is_good ? 200 : 503;
        response.body = std::move(health.json);
        response.add("Cache-Control", "no-store");
        co_return response;
    }

    HttpResponse refuse(Errc code, std::string_view text) override {
        return plain(http_status(code), std::string(text) + "\n");
    }

private:
    bool is_token(const HttpRequest& request) const {
        if (token_.empty()) return true;
        constexpr std::string_view scheme = "bearer ";
        const auto field = request.find("authorization").value_or("");
        return field.size() > scheme.size() && equals_ignoring_case(field.substr(0, scheme.size()), scheme) &&
               equals_in_constant_time(trimmed(field.substr(scheme.size())), token_);
    }

    AdminPages& pages_;
    const std::string& token_;
    std::string_view path_;
};

}  // namespace

AdminEndpoint::AdminEndpoint(AdminPages& pages, Clock& clock, std::string token)
    : pages_(pages), token_(std::move(token)), threads_(1, clock) {
    count_.open_max = connections_max;
}

AdminEndpoint::~AdminEndpoint() {
    stop();
}

Result<std::unique_ptr<AdminEndpoint>> AdminEndpoint::open(AdminPages& pages, Clock& clock,
                                                           AdminOptions options) {
    std::unique_ptr<AdminEndpoint> endpoint(new AdminEndpoint(pages, clock, std::move(options.token)));
    Listener::Options listening{.address = options.address, .port = options.port, .tls = options.tls};
    listening.limits.count = &endpoint->count_;
    auto listener = Listener::open(endpoint->threads_, *endpoint, std::move(listening));
    if (!listener) return fail(std::move(listener).error());
    endpoint->listener_ = *std::move(listener);
    return endpoint;
}

Result<> AdminEndpoint::start() {
    runs_ = true;
    threads_.start();
    return listener_->start();
}

void AdminEndpoint::stop() {
    if (!std::exchange(runs_, false)) return;
    listener_->stop();
    threads_[0].post([this] { threads_[0].abort_connections(); });
    const auto end = std::chrono::steady_clock::now() + stop_max;
    while (threads_.connections() > 0 && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(stop_step);
    }
    threads_.stop();
}

void AdminEndpoint::accepted(std::unique_ptr<Channel> channel) {
    IoThread& thread = channel->thread();
    const rest::HttpContext context{thread.executor(), thread.timers(), thread.clock()};
    rest::HttpConnection::serve(std::move(channel), std::make_unique<AdminHandler>(pages_, token_), context);
}

}  // namespace carillon
