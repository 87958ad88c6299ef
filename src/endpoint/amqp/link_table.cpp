#include "endpoint/amqp/cbs_links.hpp"
#include "endpoint/amqp/device_links.hpp"
#include "endpoint/amqp/event_links.hpp"
#include "endpoint/amqp/link_handler.hpp"
#include "endpoint/amqp/registration/registration_links.hpp"
#include "endpoint/amqp/service_links.hpp"

namespace carillon::amqp {

void open_link(HubConnection& connection, const LinkRequest& request) {
    // Registrations share the port, too; an id scope of the hub's is what they begin with.
    if (is_of_registration(connection, request.attach)) return open_registration_link(connection, request);
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
        case LinkKind::service_send:
        case LinkKind::feedback:
        case LinkKind::file_notifications:
            return open_service_link(connection, request);
        default:
            // The events of the hub share the port, and have addresses of their own.
            return open_event_link(connection, request);
    }
}

}  // namespace carillon::amqp
