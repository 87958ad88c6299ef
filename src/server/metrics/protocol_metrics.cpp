#include "server/metrics/protocol_metrics.hpp"

#include "core/hub/login_brake.hpp"
#include "endpoint/amqp/amqp_endpoint.hpp"
#include "net/io_thread.hpp"
#include "net/thread_buffers.hpp"

#include <algorithm>
#include <cstdint>

namespace carillon {

void write_amqp_metrics(MetricsText& page, const AmqpEndpoint& amqp) {
    using M = amqp::Metrics;
    const auto total = [&amqp](auto M::*what) {
        std::int64_t all = 0;
        for (std::size_t i = 0; i < amqp.thread_count(); ++i) {
            all += static_cast<std::int64_t>((amqp.metrics(i).*what).value());
        }
        return static_cast<std::uint64_t>(std::max<std::int64_t>(0, all));
    };
    const std::uint64_t opened = total(&M::connections_opened);
    const std::uint64_t closed = total(&M::connections_closed);
    page.gauge("carillon_amqp_connections_open", "AMQP connections that are open.")
        .sample(opened > closed ? opened - closed : std::uint64_t{0});
    page.counter("carillon_amqp_connects", "AMQP connections that were made.").sample(opened);
    page.counter("carillon_amqp_logins_refused", "Of these, those whose SASL login was refused.")
        .sample(total(&M::connections_refused));
    page.gauge("carillon_amqp_sessions_open", "Sessions of AMQP connections.").sample(total(&M::sessions));
    page.gauge("carillon_amqp_links_open", "Links of AMQP connections.").sample(total(&M::links));
    page.counter("carillon_amqp_attaches", "Links that clients asked for, by the answer.")
        .sample(total(&M::links_attached), {{"result", "ok"}})
        .sample(total(&M::links_refused), {{"result", "refused"}});
    page.counter("carillon_amqp_transfers",
                 "Messages over AMQP links, those of CBS and management among them.")
        .sample(total(&M::transfers_received), {{"direction", "received"}})
        .sample(total(&M::transfers_sent), {{"direction", "sent"}});
    page.counter("carillon_amqp_deliveries_rejected", "Messages received that were rejected.")
        .sample(total(&M::deliveries_rejected));
    page.counter("carillon_amqp_received_bytes", "Bytes of AMQP received, decrypted.")
        .sample(total(&M::bytes_received));
}

void write_handshake_metrics(MetricsText& page, IoThreads& threads) {
    const auto total = [&threads](Counter HandshakeMetrics::*what) {
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < threads.size(); ++i) {
            all += (threads[i].buffers().handshake_metrics.*what).value();
        }
        return all;
    };
    page.counter("carillon_tls_handshakes", "TLS handshakes of clients, by their end.")
        .sample(total(&HandshakeMetrics::done), {{"result", "ok"}})
        .sample(total(&HandshakeMetrics::failed), {{"result", "failed"}})
        .sample(total(&HandshakeMetrics::abandoned), {{"result", "abandoned"}})
        .sample(total(&HandshakeMetrics::timed_out), {{"result", "timeout"}});
    page.counter("carillon_tls_handshakes_resumed", "Of those that succeeded, by a session of before.")
        .sample(total(&HandshakeMetrics::resumed));
}

void write_login_metrics(MetricsText& page, const LoginBrake& logins) {
    page.counter("carillon_login_failures", "Failed logins, by protocol and cause.");
    for (const LoginBrake::Cause& cause : logins.causes()) {
        page.sample(cause.count, {{"protocol", cause.protocol}, {"cause", cause.why}});
    }
    page.counter("carillon_logins_slowed", "Failed logins whose answers were made to wait.")
        .sample(logins.slowed());
}

}  // namespace carillon
