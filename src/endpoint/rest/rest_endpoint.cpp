#include "endpoint/rest/rest_endpoint.hpp"

#include "endpoint/rest/http_connection.hpp"
#include "endpoint/rest/rest_handler.hpp"
#include "net/io_thread.hpp"

namespace carillon {

void RestEndpoint::accepted(std::unique_ptr<Channel> channel) {
    IoThread& thread = channel->thread();
    const rest::HttpConnection::Context context{thread.executor(), thread.timers(), thread.clock()};
    auto find_certificate = [&peer = *channel] { return peer.peer_certificate(); };
    auto handler = std::make_unique<rest::RestHandler>(hub_, websockets_, running_, web_,
                                                       channel->peer_address(), backups_, find_certificate);
    rest::HttpConnection::serve(std::move(channel), std::move(handler), context);
}

}  // namespace carillon
