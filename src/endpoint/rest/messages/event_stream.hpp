#pragma once

#include "core/events/events.hpp"
#include "endpoint/rest/http/streamed_response.hpp"
#include "endpoint/rest/messages/event_order.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::rest {

/// Sends one client the events that it ordered, as lines of JSON or as server-sent events, from partition to
/// partition in turn. Reads on when what was read has left: while bytes wait for the client it keeps no more
/// than the line under way. Sleeps at the end of the log until something comes. Ends with an error within a
/// heartbeat once its endpoint has been deleted. Lives on the channel's thread.
class EventStream final : public StreamedResponse {
public:
    /// Lines gathered before they are handed to the channel, which sends them in a turn of its thread.
    static constexpr std::size_t gathered_bytes = 48 * 1024;
    /// When nothing was sent for so long, something is, so that silence means trouble.
    static constexpr std::chrono::seconds heartbeat{15};

    /// Fails as `EventLog::open` does.
    static Result<std::shared_ptr<EventStream>> open(const std::shared_ptr<EventLog>& events,
                                                     EventOrder order);

    void drained() override { resume(); }
    void shutting_down(Channel& channel) override;

private:
    /// A partition and where reading it ends, if it does.
    struct Part {
        std::unique_ptr<PartitionReader> reader;
        std::uint64_t end = UINT64_MAX;
    };
    EventStream(std::shared_ptr<EventLog> events, EventOrder order)
        : events_(std::move(events)), order_(std::move(order)) {}
    void started() override;
    static Task<> run(std::shared_ptr<EventStream> self);
    Task<> work();
    Task<bool> read_on();
    void resume();
    bool render();
    void say_event(const EventPiece::Event& event);
    void say_place();
    void say_end();
    void say_error(const Error& error);
    void say_failure(Errc code, std::string_view message);
    bool flush();
    void put_back();
    bool sleep();
    std::string place() const;

    const std::shared_ptr<EventLog> events_;
    const EventOrder order_;
    std::vector<Part> parts_;  ///< Bound: fixed.
    std::size_t turn_ = 0;     ///< The part read last.
    EventPiece piece_;         ///< Of it.
    std::size_t at_ = 0;       ///< What of the piece was put into `out_`.
    std::string out_;          ///< Bound: gathered_bytes, and one event.
    std::size_t sent_ = 0;     ///< Of `out_`.
    std::uint64_t count_ = 0;
    TimePoint spoke_at_;
    bool is_running_ = false;
    bool is_ending_ = false;  ///< Nothing follows what is in `out_`.
};

}  // namespace carillon::rest
