#pragma once

#include "base/clock.hpp"
#include "base/errc.hpp"
#include "carillon/device_message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::fleet {

/// What a scripted device makes of one direct method.
struct ScriptedAnswer {
    std::optional<int> status;  ///< Nothing: it never answers.
    std::string payload_json;
    Duration latency{};
};

/// Who says what devices do in place of chance, and is told what happens to them. On the fleet's thread;
/// views end with the call. What is to be reported is a JSON object, or empty for nothing.
class Script {
public:
    virtual ~Script() = default;
    /// On every connection; gives what to report at once.
    virtual std::string connected() = 0;
    /// The connection is over, though nobody meant it to be; the device will connect again.
    virtual void lost(Errc reason) = 0;
    virtual ScriptedAnswer method_called(std::string_view name, std::string_view payload) = 0;
    /// Desired properties have changed; gives what to report of it. Also at the beginning of a connection,
    /// with `is_whole`, all there are.
    virtual std::string desired_changed(std::int64_t version, std::string_view json, bool is_whole) = 0;
    /// The hub's answer to what was reported.
    virtual void reported(int status, std::string_view body) = 0;
    /// A cloud-to-device message; gives what is to become of it.
    virtual MessageAnswer message_received(const HubToDeviceMessage& message) = 0;
    /// The body of the `nth` message, from 0; nothing: no more.
    virtual std::optional<std::string> telemetry(std::uint64_t nth) = 0;
};

}  // namespace carillon::fleet
