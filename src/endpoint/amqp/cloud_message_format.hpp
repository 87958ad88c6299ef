#pragma once

#include "base/device_id.hpp"
#include "base/result.hpp"
#include "core/messages/feedback.hpp"
#include "model/cloud_message.hpp"
#include "wire/amqp/message.hpp"

#include <string>
#include <string_view>

namespace carillon::amqp {

/// Properties of one cloud-to-device message, as for telemetry.
inline constexpr std::size_t cloud_properties_max = 1024;

/// A cloud-to-device message as a device receives it; one for an input names that in an annotation. Source:
/// iotedge: AmqpMessageConverter.cs; IoT Hub docs, "Create and read IoT Hub messages".
std::string format_cloud_message(const CloudDelivery& delivery);

/// The target of a back end's message, from its `to`: `/devices/{id}[/modules/{id}]/messages/devicebound`, or
/// `/devices/{id}/modules/{id}/inputs/{input}` (ours), with or without scheme and host. Fails with
/// `argument_invalid`.
struct CloudTarget {
    IdentityKey key;
    std::string input;  ///< Empty for the device or module itself.
};
Result<CloudTarget> read_cloud_message_target(const MessageView& message);
/// A message as a back end sends it. Values of application properties that are not text are written as text.
/// Fails with `argument_invalid` for an unknown `iothub-ack`, or beyond `cloud_properties_max`.
/// Source: azure-iot-sdk-csharp: MessageConverter.cs; azure-iot-cli-extension sends the expiry in
/// milliseconds.
Result<CloudMessage> read_cloud_message(const MessageView& message);

/// A batch of feedback as a back end receives it; `hub_name` is the hub's, the first label of its host.
/// Source: azure-iot-sdk-csharp: AmqpFeedbackReceiver.cs; azure-iot-sdk-c: iothub_messaging_ll.c reads the
/// status from `description`.
std::string format_feedback(const FeedbackBatch& batch, std::string_view hub_name);
/// The same from the queue, and a notification of an uploaded file. Fail with `store_corrupt`. Source:
/// azure-iot-sdk-csharp: AmqpFileNotificationReceiver.cs; azure-iot-sdk-node: file_notification_receiver.ts.
Result<std::string> format_feedback_item(const LockedQueue::Item& item, std::string_view hub_name);
Result<std::string> format_file_notification(const LockedQueue::Item& item, std::string_view hub_name);

}  // namespace carillon::amqp
