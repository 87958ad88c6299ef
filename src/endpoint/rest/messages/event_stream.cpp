#include "endpoint/rest/messages/event_stream.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "core/events/event_json.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

namespace carillon::rest {

Result<std::shared_ptr<EventStream>> EventStream::open(const std::shared_ptr<EventLog>& events,
                                                       EventOrder order) {
    std::shared_ptr<EventStream> stream(new EventStream(events, std::move(order)));
    for (const auto& part : stream->order_.parts) {
        auto reader = events->open(part.partition, part.start);
        if (!reader) return fail(std::move(reader).error());
        auto& made = stream->parts_.emplace_back();
        made.reader = *std::move(reader);
        if (!stream->order_.follows) made.end = made.reader->extent().next;
    }
    return stream;
}

void EventStream::started() {
    say_place();
    resume();
}

void EventStream::resume() {
    if (is_running_ || is_over()) return;
    is_running_ = true;
    let_sleep();
    boost::asio::co_spawn(context().executor, run(self<EventStream>()), boost::asio::detached);
}

Task<> EventStream::run(std::shared_ptr<EventStream> self) {
    try {
        co_await self->work();
    } catch (const std::exception& problem) {
        // The root of this coroutine: whatever a library threw costs this answer.
        log.error("event stream failed what={}", problem.what());
        self->finish();
    }
    self->is_running_ = false;
}

Task<> EventStream::work() {
    while (!is_over()) {
        if (!out_.empty()) {
            if (!flush()) co_return;
            // What was sent leaves at the end of the turn; only then the channel knows whether it is stuck.
            co_await boost::asio::post(context().executor, boost::asio::use_awaitable);
        } else if (is_ending_) {
            finish();
        } else if (channel().is_congested()) {
            put_back();
            co_return;
        } else if (!render()) {
            auto reading = read_on();
            const bool has_read = co_await std::move(reading);
            if (!has_read && out_.empty() && !is_over() && !is_ending_ && sleep()) co_return;
        }
    }
}

/// Hands the channel a part of what was gathered. False if the client does not take it now.
bool EventStream::flush() {
    if (channel().is_congested()) {
        put_back();
        return false;
    }
    const std::string_view rest = std::string_view(out_).substr(sent_);
    const std::string_view part = rest.substr(0, HttpLimits::piece_bytes_max);
    if (!send_piece(part)) return false;
    sent_ += part.size();
    if (sent_ == out_.size()) {
        out_ = {};
        sent_ = 0;
    }
    channel().holds(out_.size() - sent_);
    return true;
}

/// Lets go of what was read and has not been put into `out_`: it is on the disk.
void EventStream::put_back() {
    if (at_ < piece_.size()) parts_[turn_].reader->go_to(piece_[at_].sequence);
    piece_ = {};
    at_ = 0;
    channel().holds(out_.size() - sent_);
}

/// Makes lines of what was read. False if there is nothing left of it.
bool EventStream::render() {
    if (at_ == piece_.size()) return false;
    const std::uint64_t end = parts_[turn_].end;
    while (at_ < piece_.size() && out_.size() < gathered_bytes && !is_ending_) {
        const auto event = piece_[at_++];
        if (event.sequence < end) say_event(event);
        if (order_.limit != 0 && count_ == order_.limit) say_end();
    }
    return true;
}

/// Reads a piece of the next partition that has one; false if none has. Gives place where nothing fits.
Task<bool> EventStream::read_on() {
    if (events_->is_closed()) {
        say_failure(Errc::generic_not_found, "The endpoint has been deleted.");
        co_return false;
    }
    for (std::size_t tried = 0; tried < parts_.size(); ++tried) {
        turn_ = (turn_ + 1) % parts_.size();
        Part& part = parts_[turn_];
        const auto next = part.reader->next();
        if (next && *next >= std::min(part.end, part.reader->extent().next)) continue;
        auto reading = part.reader->read(order_.filter);
        auto piece = co_await std::move(reading);
        if (is_over()) co_return false;
        if (!piece) {
            say_error(piece.error());
            co_return false;
        }
        piece_ = *std::move(piece);
        at_ = 0;
        if (piece_.is_empty() && context().clock.now() - spoke_at_ >= heartbeat) say_place();
        co_return true;
    }
    if (!order_.follows) say_end();
    co_return false;
}

/// False if there is something to read already.
bool EventStream::sleep() {
    const std::weak_ptr<EventStream> weak = self<EventStream>();
    const auto now = context().clock.now();
    if (now - spoke_at_ >= heartbeat) {
        say_place();
        return false;
    }
    for (const Part& part : parts_) {
        auto wake = [weak, executor = context().executor] {
            boost::asio::post(executor, [weak] {
                if (const auto self = weak.lock()) self->resume();
            });
        };
        if (!part.reader->wake_at_news(std::move(wake))) return false;
    }
    wake_at(spoke_at_ + heartbeat, [this] { resume(); });
    return true;
}

std::string EventStream::place() const {
    EventPlaces places;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const PartitionReader& reader = *parts_[i].reader;
        auto next = reader.next();
        if (i == turn_ && at_ < piece_.size()) next = piece_[at_].sequence;
        // Where a time is still to be looked for, whoever comes again looks for it again.
        if (next) places.emplace_back(reader.partition(), *next);
    }
    return event_places_text(places);
}

void EventStream::say_event(const EventPiece::Event& event) {
    ++count_;
    spoke_at_ = context().clock.now();
    const std::size_t before = out_.size();
    if (order_.is_event_stream) out_ += "id: " + place() + "\ndata: ";
    if (auto said = append_event_json(out_, parts_[turn_].reader->partition(), event); !said) {
        out_.resize(before);
        return say_error(said.error());
    }
    out_ += order_.is_event_stream ? "\n\n" : "\n";
}

void EventStream::say_place() {
    spoke_at_ = context().clock.now();
    if (order_.is_event_stream) {
        const std::string text = place();
        out_ += "event: position\nid: " + text + "\ndata: {\"position\":\"" + text + "\"}\n\n";
    } else if (is_running_) {
        out_ += '\n';
    }
}

/// All that was ordered has been sent.
void EventStream::say_end() {
    is_ending_ = true;
    if (order_.is_event_stream) out_ += "event: end\nid: " + place() + "\ndata: {}\n\n";
}

void EventStream::say_error(const Error& error) {
    log.error("events cannot be read partition={} reason={}", parts_[turn_].reader->partition(),
              error.detail);
    say_failure(error.code, "The hub cannot read its event log.");
}

void EventStream::say_failure(Errc code, std::string_view message) {
    is_ending_ = true;
    if (order_.is_event_stream) out_ += "event: error\ndata: ";
    JsonWriter json(out_);
    json.begin_object().key("error").begin_object();
    json.member("code", errc_name(code)).member("message", message);
    json.end_object().end_object();
    out_ += order_.is_event_stream ? "\n\n" : "\n";
}

void EventStream::shutting_down(Channel&) {
    // Who follows comes again with its place. What was to have an end, or ends within a line, is cut.
    const bool is_open = order_.follows && order_.limit == 0;
    if (is_open && sent_ == 0) return finish();
    cut();
}

}  // namespace carillon::rest
