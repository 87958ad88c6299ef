#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace carillon {

/// What a call is about.
enum class CallKind : std::uint8_t {
    request = 0,  ///< A shard is asked (`shard_bytes.hpp`).
    wish = 1,     ///< What a job's coordinator wants of the part on a shard.
    news = 2,     ///< What the part on a shard tells the coordinator.
    rest = 3,     ///< A request of a back end, to the owner of a shard.
};

/// What every call says besides its body.
struct CallHead {
    CallKind kind = CallKind::request;
    std::uint32_t shard = 0;
    std::int64_t epoch = 0;  ///< Of the shard, as the asker believes.
    std::uint32_t time_left_ms = 0;
};

/// How a call ended.
struct CallEnd {
    enum class How : std::uint8_t {
        answered,
        moved,   ///< Not carried out: the node does not own the shard, or not yet.
        unsent,  ///< Not carried out: it has not left, or the node took no more calls.
        lost,    ///< Nobody knows whether it was carried out.
    };
    How how = How::lost;
    std::int64_t epoch = 0;  ///< Moved: of the shard, as the node believes.
    std::string body;        ///< The answer; else why there is none, for people.
};

/// What a link between two nodes may hold.
struct CallLimits {
    std::size_t calls_max = 1024;                      ///< Under way at once.
    std::size_t body_bytes_max = 64UL * 1024 * 1024;   ///< Of one request or answer.
    std::size_t held_bytes_max = 128UL * 1024 * 1024;  ///< Of all bodies that are not whole yet, or not sent.
    /// Begun on one connection, ever: HTTP/2 has no more numbers than twice as many. Some 15 hours at 10,000
    /// a second.
    std::uint32_t calls_ever_max = 1U << 29U;
};

/// One side of calls between two nodes on a connection: HTTP/2 by nghttp2, without socket or clock. Each call
/// is a stream, so a large one does not hold up others and each may be given up by itself. One side asks, the
/// other one answers. Not thread-safe.
///
/// On the wire: `POST /KIND/SHARD` with the fields `epoch` and `time-left-ms`, and the request as its body;
/// 200 and the answer, or 421 with `epoch` from a node that does not own the shard.
class CallSession {
public:
    enum class Side : std::uint8_t { asks, answers };
    using CallId = std::int32_t;

    /// Called during `receive` and `end`; may call the session.
    class Host {
    public:
        virtual ~Host() = default;
        /// The other side asks.
        virtual void asked(CallId call, CallHead head, std::string request) = 0;
        /// The other side does not wait for the answer any more.
        virtual void given_up(CallId call) = 0;
        virtual void answered(CallId call, CallEnd end) = 0;
    };

    CallSession(Side side, Host& host, const CallLimits& limits);
    ~CallSession();
    CallSession(const CallSession&) = delete;
    CallSession& operator=(const CallSession&) = delete;

    /// Asks. Fails with `service_unavailable`, and nothing is sent, beyond the limits and on a session that
    /// can begin no more calls (`is_worn`).
    Result<CallId> ask(const CallHead& head, std::string request);
    /// Nobody waits for the answer; `answered` is not called.
    void give_up(CallId call);

    /// Answers; nothing is said if the call was given up meanwhile. An answer over the limits is lost.
    void answer(CallId call, std::string bytes);
    /// The shard is not here; `epoch` as this node believes.
    void moved(CallId call, std::int64_t epoch);
    /// The call was not taken, and may be asked again.
    void refuse(CallId call);
    /// Nobody knows what became of the call.
    void lose(CallId call);

    void ping();

    /// Takes what the other side sent. Fails with `malformed_packet` if that is no HTTP/2; the connection is
    /// to be ended then.
    Result<> receive(Bytes bytes);
    /// Appends what is to be sent, at most about `bytes_max`; nothing if there is nothing.
    void take_output(std::string& out, std::size_t bytes_max);
    /// There may be more to be sent.
    bool has_output() const;
    /// One side ended the session, as the other one broke the rules of HTTP/2 and has been told: the
    /// connection is to be ended.
    bool is_over() const;
    /// The connection is over: each call that is under way ends as `unsent` or `lost`.
    void end();

    std::size_t calls() const;
    std::size_t held_bytes() const;
    /// No further calls can begin here: the other side says so, or their numbers have run out.
    bool is_worn() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace carillon
