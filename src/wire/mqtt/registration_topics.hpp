#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
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

// --- the device's end ------------------------------------------------------------------------------

std::string registration_begin_topic(std::string_view rid);
std::string registration_poll_topic(std::string_view rid, std::string_view operation_id);

/// The topic name of an answer, taken apart; views it.
struct RegistrationAnswerTopic {
    int status = 0;  ///< As over HTTPS.
    std::string_view rid;
    std::string_view retry_after;  ///< Seconds; empty if it names none.
};
/// Nothing for another topic, and for one without a status of three digits or a request id.
std::optional<RegistrationAnswerTopic> parse_registration_answer_topic(std::string_view topic);

}  // namespace carillon::mqtt
