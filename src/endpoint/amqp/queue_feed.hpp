#pragma once

#include "core/messages/locked_queue.hpp"
#include "wire/amqp/connection.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {
class IoThread;
}

namespace carillon::amqp {

class HubConnection;

/// A queue of the hub, of feedback or of notifications of files, as one link of a connection receives it:
/// lives on the thread of the first shard, asks for items while the link has credit, and passes them on.
/// Shared by whoever still has something to tell it.
class QueueFeed final : public std::enable_shared_from_this<QueueFeed> {
public:
    /// An item as an AMQP message.
    using Format = Result<std::string> (*)(const LockedQueue::Item& item, std::string_view hub_name);
    QueueFeed(HubConnection& connection, LinkId link, LockedQueue& queue, Format format);

    // --- from the connection's thread ----------------------------------------------------------------
    void start();
    /// `credit` of the link, when it had `seen` so many items.
    void set_room(std::uint32_t credit, std::uint64_t seen);
    /// What the client says of an item; answers `disposal` if the client waits for that.
    void settle(const LockToken& lock, Settlement how, const Disposal& disposal);
    /// The link has gone; the last call. What it holds comes back when its lock ends.
    void leave();

private:
    template <class F>
    void there(F function);
    void ask();
    void received(Result<std::optional<LockedQueue::Item>> item);
    static void deliver(HubConnection& connection, LinkId link, const LockToken& lock,
                        std::string_view message);

    const std::shared_ptr<HubConnection> connection_;
    LockedQueue& queue_;
    const Format format_;
    IoThread& thread_;  ///< Of the first shard.
    const LinkId link_;
    const std::string hub_name_;
    std::uint64_t watcher_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t seen_ = 0;
    std::uint32_t credit_ = 0;
    bool is_asking_ = false;
    bool is_told_ = false;  ///< While it asked, more came.
    bool has_left_ = false;
};

/// What the outcome of a delivery means for its message. A message that is settled without outcome was not
/// taken. Source: azure-iot-sdk-node: amqp_receiver.ts; azure-iot-sdks#263.
Settlement settlement_of(const DeliveryState& state);
/// Answers a client that waits to hear whether its outcome was taken (receiver settle mode second).
/// Source: iotedge: SendingLinkHandler.cs; azure-iot-sdk-csharp: AmqpIotOutcome.cs.
void answer_disposal(HubConnection& connection, const Disposal& disposal, const Result<>& result);

}  // namespace carillon::amqp
