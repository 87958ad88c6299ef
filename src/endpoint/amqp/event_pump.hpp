#pragma once

#include "core/events/events.hpp"
#include "endpoint/amqp/link_handler.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::amqp {

/// Sends the events of one partition over one link, as many as the client has given credit for. Reads no more
/// than it may send. What the connection does not take at once is kept, at most `piece_bytes` of each reader,
/// as a peer that takes nothing for long is cut; where credit or window are used up it is let go, as it is on
/// the disk. Lives on the connection's thread, and until what it waits for has come.
class EventPump final : public std::enable_shared_from_this<EventPump> {
public:
    /// Stored events read at once, about as much as a connection takes at once when they are encoded.
    static constexpr std::size_t piece_bytes = 64 * 1024;

    struct Order {
        LinkId link = 0;
        std::unique_ptr<PartitionReader> reader;
        std::optional<ReceiverSlots::Slot> slot;
        bool is_settled = false;              ///< Nobody is to confirm what was sent.
        bool has_metrics = false;             ///< The client wants to know how far the partition reaches.
        std::uint64_t message_bytes_max = 0;  ///< That the client takes; 0: any.
        std::string entity;                   ///< Whose partition it is.
        std::vector<std::string> path;        ///< What a token must cover.
    };
    EventPump(HubConnection& connection, Order order);

    /// Sends what there is and may be sent, then waits for more of either.
    void go_on();
    /// The link has gone.
    void end();

private:
    static Task<> read(std::shared_ptr<EventPump> self, std::shared_ptr<HubConnection> connection,
                       std::size_t events_max);
    void took(Result<EventPiece> piece);
    bool send_piece();
    bool send_one(const EventPiece::Event& event, std::string& buffer);
    void put_back();
    bool wait_for_news();

    HubConnection& connection_;
    Order order_;
    EventPiece piece_;
    std::size_t at_ = 0;
    bool is_reading_ = false;
    bool is_over_ = false;
};

std::unique_ptr<LinkHandler> make_partition_link(HubConnection& connection, EventPump::Order order);

}  // namespace carillon::amqp
