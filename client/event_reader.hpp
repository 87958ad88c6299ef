#pragma once

#include "base/result.hpp"
#include "carillon/service_client.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace carillon {

/// Takes a stream of server-sent events apart, as it comes. Comments and `retry` fields say nothing
/// here. Source: WHATWG HTML, "Server-sent events", interpreting an event stream.
class EventReader {
public:
    static constexpr std::size_t event_bytes_max = 1024 * 1024;

    /// Calls `take` for each event that `bytes` complete, until it returns false: the rest is dropped
    /// then, and this returns false. Fails with `message_too_large`.
    Result<bool> read(std::string_view bytes, const std::function<bool(const ServiceEvent&)>& take);

private:
    bool line(std::string_view text, const std::function<bool(const ServiceEvent&)>& take);

    std::string unread_;   ///< A line that is not whole yet.
    bool had_cr_ = false;  ///< The last byte ended a line; an LF right behind it belongs to it.
    bool has_data_ = false;
    ServiceEvent event_;
};

}  // namespace carillon
