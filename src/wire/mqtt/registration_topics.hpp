#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::mqtt {

// What devices that register say over MQTT. Source: DPS docs, "Communicate with your DPS using the MQTT
// protocol".

/// The user name of a device that registers, taken apart:
/// `{id scope}/registrations/{registration id}[/api-version={version}[&ClientVersion=…]]`. Views the text.
struct RegistrationUserName {
    std::string_view scope;
    std::string_view registration_id;
    std::string_view api_version;  ///< As it stands; empty if absent.
};
/// Nothing if it is another; whether scope and id exist is the caller's to find out.
std::optional<RegistrationUserName> parse_registration_user_name(std::string_view text);

/// The filter that answers to registrations come by.
inline constexpr std::string_view registration_answers = "$dps/registrations/res/#";

/// A topic name of a device that registers, taken apart; views it.
struct RegistrationTopic {
    enum class Kind : std::uint8_t { begin, poll };
    /// SDKs send numbers and UUIDs. Ours.
    static constexpr std::size_t rid_bytes_max = 256;

    Kind kind = Kind::begin;
    std::string_view rid;           ///< Goes into the answer's topic as it stands.
    std::string_view operation_id;  ///< Of a poll; empty if it names none.
};
/// Nothing for another topic, for a request id that is absent or longer than `rid_bytes_max`, and for one
/// that holds a `$`, at which azure-iot-sdk-python cuts the topic of the answer.
std::optional<RegistrationTopic> parse_registration_topic(std::string_view topic);

}  // namespace carillon::mqtt
