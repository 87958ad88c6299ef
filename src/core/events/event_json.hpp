#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "core/events/event_piece.hpp"
#include "model/message.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

/// Appends an event as one line of JSON (`Event` in openapi.json), without the end of the line. The body
/// takes at most twice its bytes. Fails with `store_corrupt`.
Result<> append_event_json(std::string& out, std::uint32_t partition, const EventPiece::Event& event);
void append_event_json(std::string& out, std::uint32_t partition, std::uint64_t sequence,
                       const Message& message);
/// Where the hub has an event from, in the service's word: `Telemetry` for what a device has sent.
std::string_view event_source(const Message& message);

/// The system properties of a message, its application properties, and its body in the form that fits it
/// (`bodyFormat` says which), as members of an object.
void append_message_members(JsonWriter& json, const Message& message);

}  // namespace carillon
