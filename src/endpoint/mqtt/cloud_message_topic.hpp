#pragma once

#include "model/cloud_message.hpp"
#include "wire/mqtt/hub_topics.hpp"

#include <string>

namespace carillon::mqtt {

/// The topic by which a cloud-to-device message is published to `identity`, its properties within. Shorter
/// than MQTT's bound, as `check_cloud_message` sees to it.
std::string cloud_message_topic(ClientIdentity identity, const CloudMessage& message);

}  // namespace carillon::mqtt
