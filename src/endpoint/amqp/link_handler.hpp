#pragma once

#include "wire/amqp/connection.hpp"
#include "wire/amqp/hub_links.hpp"

namespace carillon::amqp {

class HubConnection;

/// What one link of a connection does. Made when the link is accepted and destroyed when it is gone, of
/// whatever cause; on the connection's thread, as all calls are.
class LinkHandler {
public:
    LinkHandler() = default;
    virtual ~LinkHandler() = default;
    LinkHandler(const LinkHandler&) = delete;
    LinkHandler& operator=(const LinkHandler&) = delete;

    /// The client sent a message. It is to be disposed of (`HubConnection::dispose`), at once or later. Views
    /// end with the call.
    virtual void delivered(const Delivery&) {}
    /// The client says what became of a message that was sent unsettled.
    virtual void disposed(const Disposal&) {}
    /// The credit of a link on which the hub sends is other than before.
    virtual void flowed() {}
    /// A shared access policy's token has ended or been replaced: false if the link stood on it, and it is
    /// then detached.
    virtual bool is_still_allowed() { return true; }
};

/// A link that a client asks for. Views end with the call.
struct LinkRequest {
    LinkId id = 0;
    const Attach& attach;
    LinkAddress address;
};

/// Decides about a link, by its address: calls `HubConnection::accept` or `refuse`, now or later; until then
/// the connection takes no input. This is the one table of what links there are.
void open_link(HubConnection& connection, const LinkRequest& request);

}  // namespace carillon::amqp
