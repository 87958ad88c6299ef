#include "endpoint/amqp/cbs_links.hpp"
#include "endpoint/amqp/device_links.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/link_handler.hpp"

namespace carillon::amqp {

void open_link(HubConnection& connection, const LinkRequest& request) {
    switch (request.address.kind) {
        case LinkKind::cbs_requests:
        case LinkKind::cbs_responses:
            return open_cbs_link(connection, request);
        case LinkKind::telemetry:
        case LinkKind::method_requests:
        case LinkKind::method_responses:
        case LinkKind::twin_requests:
        case LinkKind::twin_responses:
        case LinkKind::module_inputs:
        case LinkKind::devicebound:
            return open_device_link(connection, request);
        default:
            return connection.refuse(request.id,
                                     {Errc::generic_not_found, "The hub has no link of this address."});
    }
}

}  // namespace carillon::amqp
