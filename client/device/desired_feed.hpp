#pragma once

#include "base/result.hpp"
#include "carillon/device_message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::client {

/// Makes of twins read and changes told one sequence in which each version comes once and none is missing.
/// Changes are told only while connected, so the twin is read after each connection, and whenever a version
/// is missing. Source: IoT Hub docs, "Understand and use device twins", device reconnection flow.
class DesiredFeed {
public:
    /// Changes held back while the twin is read; with more it is read again.
    static constexpr std::size_t held_max = 16;

    /// The twin is to be read; the answer goes to `twin_read`.
    bool wants_twin() const { return is_stale_ && !is_reading_; }
    /// It is being read from now on.
    void reading() { is_reading_ = true; }
    /// The connection is over, and with it what would have been told.
    void connection_over();
    /// What follows from the twin's text: nothing if it is known already. Fails with `malformed_packet`.
    Result<std::vector<DesiredProperties>> twin_read(std::string_view twin_json);
    /// The twin could not be read.
    void reading_failed() { is_reading_ = false; }
    std::optional<DesiredProperties> changed(std::int64_t version, std::string_view patch_json);

private:
    std::optional<std::int64_t> version_;  ///< Told last.
    std::vector<std::pair<std::int64_t, std::string>> held_;
    bool is_stale_ = true;
    bool is_reading_ = false;
    bool has_dropped_ = false;  ///< A change that should have been held back.
};

}  // namespace carillon::client
