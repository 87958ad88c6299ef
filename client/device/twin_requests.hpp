#pragma once

#include "base/clock.hpp"
#include "device/device_protocol.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <string>

namespace carillon::client {

/// What the hub said to a twin request that succeeded.
struct TwinReply {
    std::int64_t version = 0;  ///< Of the reported properties, after a patch.
    std::string body;          ///< The twin, after a read.
};

/// The twin requests of a device, until they are answered. What a connection left unanswered is sent again
/// on the next. Patches go one at a time, so that one that is sent again cannot undo a later one.
/// An empty list owns no memory.
class TwinRequests {
public:
    using Done = std::function<void(const Result<TwinReply>&)>;

    void get(Done done, TimePoint until);
    void patch(std::string patch_json, Done done, TimePoint until);
    bool is_empty() const { return requests_.empty(); }
    bool has_in_flight() const;
    /// When the first of them is due; `TimePoint::max()` if none is.
    TimePoint deadline() const;

    /// Sends what may be sent now.
    void send(DeviceProtocol& session);
    void answered(const TwinAnswer& answer);
    /// The connection is over.
    void take_back();
    void expire(TimePoint now);
    void give_up(const Error& reason);

private:
    struct Request {
        std::string patch_json;  ///< Empty: a read.
        Done done;
        TimePoint until{};
        std::uint32_t number = 0;  ///< On this connection; 0: not sent.
    };
    std::list<Request> requests_;
};

}  // namespace carillon::client
