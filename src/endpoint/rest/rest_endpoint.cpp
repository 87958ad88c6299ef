#include "endpoint/rest/rest_endpoint.hpp"

#include "endpoint/rest/http/http_connection.hpp"
#include "endpoint/rest/rest_handler.hpp"
#include "endpoint/rest/rest_metrics.hpp"
#include "net/io_thread.hpp"

namespace carillon {

RestEndpoint::RestEndpoint(Hub& hub, WebSocketFactory* websockets, rest::WebDashboard* web,
                           rest::BackupPort* backups, AuditLog* audit)
    : hub_(hub), websockets_(websockets), web_(web), backups_(backups), audit_(audit) {}

RestEndpoint::~RestEndpoint() {
    for (const auto& metrics : metrics_) delete metrics.load();
}

rest::RestMetrics& RestEndpoint::metrics_of(const IoThread& thread) {
    auto& metrics = metrics_[thread.number() % threads_max];
    if (metrics.load() == nullptr) metrics.store(new rest::RestMetrics());
    return *metrics.load();
}

Task<rest::PassedAnswer> RestEndpoint::answer_passed(IoThread& thread, rest::PassedRequest request) {
    const auto handler = std::make_unique<rest::RestHandler>(hub_, nullptr, running_, metrics_of(thread),
                                                             web_, request.peer, backups_, audit_);
    handler->use(authorities_);
    if (only_reads_) handler->only_read();
    auto answering = handler->answer_passed(std::move(request));
    co_return co_await std::move(answering);
}

void RestEndpoint::accepted(std::unique_ptr<Channel> channel) {
    IoThread& thread = channel->thread();
    const rest::HttpConnection::Context context{thread.executor(), thread.timers(), thread.clock()};
    auto handler =
        std::make_unique<rest::RestHandler>(hub_, websockets_, running_, metrics_of(thread), web_,
                                            channel->peer_address(), backups_, audit_, channel.get());
    handler->use(authorities_);
    handler->use(spans_);
    handler->use(relay_);
    if (models_ != nullptr) handler->use(*models_);
    if (only_reads_) handler->only_read();
    rest::HttpConnection::serve(std::move(channel), std::move(handler), context);
}

}  // namespace carillon
