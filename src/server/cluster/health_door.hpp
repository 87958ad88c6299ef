#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace carillon {

/// What load balancers ask: whether this node serves the hub. Plain HTTP on an address of its own, a request
/// at a time, each with an end: any request gets 200 if it does and 503 if it does not, with a line of JSON.
/// A process that is frozen answers nothing, where its listening sockets still accept.
class HealthDoor {
public:
    static constexpr std::size_t request_bytes_max = 4096;
    static constexpr int wait_max_ms = 500;  ///< For a request, and for its answer to be taken.

    struct State {
        bool serves = false;
        std::string text;  ///< JSON.
    };

    /// `where` is `ADDRESS:PORT`, or `[ADDRESS]:PORT`. `look` is called on a thread of the door's own. Fails
    /// with `config_invalid` or `io_failed`.
    static Result<std::unique_ptr<HealthDoor>> open(const std::string& where, std::function<State()> look);
    ~HealthDoor();
    HealthDoor(const HealthDoor&) = delete;
    HealthDoor& operator=(const HealthDoor&) = delete;

private:
    HealthDoor(int listener, int ending, std::function<State()> look);
    void loop();
    void answer(int connection) const;

    const int listener_;
    const int ending_;  ///< Readable once the door is to close.
    const std::function<State()> look_;
    std::thread thread_;
};

}  // namespace carillon
