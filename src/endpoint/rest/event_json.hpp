#pragma once

#include "base/result.hpp"
#include "core/events/event_piece.hpp"

#include <cstdint>
#include <string>

namespace carillon::rest {

/// Appends an event as one line of JSON (`Event` in openapi.json), without the end of the line. The body
/// takes at most twice its bytes. Fails with `store_corrupt`.
Result<> append_event_json(std::string& out, std::uint32_t partition, const EventPiece::Event& event);

}  // namespace carillon::rest
