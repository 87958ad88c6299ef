#include "net/websocket_channel.hpp"

#include "net/io_thread.hpp"

#include <utility>

namespace carillon {

WebSocketChannel::WebSocketChannel(std::unique_ptr<Channel> inner, std::string surplus)
    : inner_(std::move(inner)), held_(std::move(surplus)), lives_(std::make_shared<bool>(true)) {
    inner_->set_handler(*this);
}

WebSocketChannel::~WebSocketChannel() {
    *lives_ = false;
}

void WebSocketChannel::start() {
    if (!held_.empty()) deliver_held_later();
}

bool WebSocketChannel::send(Bytes bytes) {
    if (is_closing_) return false;
    std::string frame;
    frame.reserve(bytes.size() + 10);
    websocket::append_binary_header(frame, bytes.size());
    frame.append(as_text(bytes));
    return inner_->send(as_bytes(frame));
}

void WebSocketChannel::close(Errc reason) {
    if (!std::exchange(is_closing_, true)) {
        std::string goodbye;
        websocket::append_close(goodbye, websocket::CloseCode::normal);
        // A peer that cannot be told is told nothing.
        static_cast<void>(inner_->send(as_bytes(goodbye)));
    }
    inner_->close(reason);
}

void WebSocketChannel::abort(Errc reason) {
    is_closing_ = true;
    inner_->abort(reason);
}

void WebSocketChannel::pause_reading() {
    is_paused_ = true;
    inner_->pause_reading();
}

void WebSocketChannel::resume_reading() {
    is_paused_ = false;
    inner_->resume_reading();
    if (!held_.empty()) deliver_held_later();
}

void WebSocketChannel::move_to(IoThread& thread, UniqueFunction<void()> arrived) {
    is_moving_ = true;
    inner_->move_to(thread, [this, then = std::move(arrived)]() mutable {
        is_moving_ = false;
        if (!held_.empty()) deliver_held_later();
        then();
    });
}

/// In a turn of its own, as handlers must not be called from within calls to the channel.
void WebSocketChannel::deliver_held_later() {
    thread().post([this, lives = lives_] {
        if (*lives && may_deliver()) deliver(as_bytes(std::exchange(held_, {})));
    });
}

/// RFC 6455 §5.5.3: of pings that were not answered yet, the last is enough.
void WebSocketChannel::answer_ping(Bytes data) {
    std::string pong;
    websocket::append_pong(pong, data);
    if (inner_->is_congested() || !inner_->send(as_bytes(pong))) pong_ = std::move(pong);
}

void WebSocketChannel::drained() {
    // It fits now, as nothing waits.
    if (!pong_.empty() && !is_closing_) static_cast<void>(inner_->send(as_bytes(std::exchange(pong_, {}))));
    handler_->drained();
}

void WebSocketChannel::received(Bytes bytes) {
    if (held_.empty()) return deliver(bytes);
    held_.append(as_text(bytes));
}

void WebSocketChannel::deliver(Bytes bytes) {
    while (may_deliver()) {
        const auto event = decoder_.next(bytes);
        if (!event) {
            std::string goodbye;
            websocket::append_close(goodbye, decoder_.close_code());
            static_cast<void>(inner_->send(as_bytes(goodbye)));
            is_closing_ = true;
            return inner_->close(event.error().code);
        }
        if (!*event) return;
        switch ((*event)->kind) {
            case websocket::Event::Kind::data:
                handler_->received((*event)->data);
                break;
            case websocket::Event::Kind::ping:
                answer_ping((*event)->data);
                break;
            case websocket::Event::Kind::close:
                return handler_->ended(*this);
        }
    }
    if (!is_closing_) held_.append(as_text(bytes));
}

}  // namespace carillon
