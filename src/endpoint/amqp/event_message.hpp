#pragma once

#include "base/result.hpp"
#include "core/events/event_piece.hpp"
#include "core/shard/partition_head.hpp"
#include "wire/amqp/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::amqp {

// What the Event Hubs-compatible endpoint says.

/// How far a partition reached when an event left, for clients that ask to be told with each.
struct RuntimeMetrics {
    PartitionExtent extent;
    WallTime now;
};

/// Appends an event as a message: what the hub knows of it as annotations, the device's own properties, its
/// body. Fails with `store_corrupt`. Source: IoT Hub docs, "Create and read IoT Hub messages";
/// azure-sdk-for-js: event-hubs, eventData.ts.
Result<> append_event(std::string& out, const EventPiece::Event& event,
                      const std::optional<RuntimeMetrics>& metrics);

/// A question about the endpoint, put to `$management`.
struct ManagementRequest {
    Value message_id;           ///< Sent back as it came.
    std::string_view reply_to;  ///< Name or target of the link for the answer.
    std::string_view operation;
    std::string_view type;
    std::string_view name;  ///< The entity.
    std::string_view partition;
};
/// Views the message. What is absent is empty.
ManagementRequest parse_management_request(const MessageView& message);

/// What the endpoint is asked about.
struct EntityFacts {
    std::string_view name;
    WallTime created;
    std::uint32_t partition_count = 0;
};
/// The answers; the types are those that azure-sdk-for-net casts to. Source: azure-sdk-for-js: event-hubs,
/// managementClient.ts; azure-sdk-for-net: Azure.Messaging.EventHubs, AmqpMessageConverter.cs.
void append_entity_answer(std::string& out, const Value& message_id, const EntityFacts& facts);
void append_partition_answer(std::string& out, const Value& message_id, std::string_view entity,
                             std::uint32_t partition, const PartitionExtent& extent);
void append_management_failure(std::string& out, const Value& message_id, int status,
                               std::string_view condition, std::string_view description);

}  // namespace carillon::amqp
