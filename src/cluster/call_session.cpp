#include "cluster/call_session.hpp"

#include <nghttp2/nghttp2.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon {
namespace {

/// Of a stream: how much may be on its way before the other side has taken it.
constexpr std::uint32_t stream_window = 256 * 1024;
/// Of all streams together: one that stands still does not hold up others.
constexpr std::int32_t link_window = 16 * 1024 * 1024;
/// Of the fields of a request or an answer.
constexpr std::size_t head_bytes_max = 1024;
constexpr std::array<std::string_view, 4> kinds{"request", "wish", "news", "rest"};
constexpr std::string_view epoch_name = "epoch";
constexpr std::string_view time_left_name = "time-left-ms";
constexpr std::string_view status_answered = "200";
constexpr std::string_view status_moved = "421";  // Misdirected Request, RFC 9110 §15.5.20.

template <class Number>
std::optional<Number> number_in(std::string_view text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

nghttp2_nv header(std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view text) {
        return const_cast<std::uint8_t*>(
            reinterpret_cast<const std::uint8_t*>(text.data()));  // It is not written to.
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

Error unavailable(std::string why) {
    return {Errc::service_unavailable, std::move(why)};
}

/// Takes `/KIND/SHARD` apart; false if it is none.
bool read_path(std::string_view path, CallHead& head) {
    if (!path.starts_with('/')) return false;
    const auto slash = path.find('/', 1);
    if (slash == std::string_view::npos) return false;
    const auto* const kind = std::find(kinds.begin(), kinds.end(), path.substr(1, slash - 1));
    const auto shard = number_in<std::uint32_t>(path.substr(slash + 1));
    if (kind == kinds.end() || !shard) return false;
    head.kind = static_cast<CallKind>(kind - kinds.begin());
    head.shard = *shard;
    return true;
}

}  // namespace

struct CallSession::State {
    State(Side s, Host& h, const CallLimits& l) : side(s), host(h), limits(l) {}
    ~State() { nghttp2_session_del(session); }

    struct Call {
        std::string out;  ///< Body to be sent, from `sent` on. Bound: CallLimits::body_bytes_max
        std::size_t sent = 0;
        std::string in;  ///< Body as it came. Bound: CallLimits::body_bytes_max
        CallHead head;   ///< As asked; the epoch is the answer's once there is one.
        bool has_path = false;
        bool has_time = false;
        bool is_post = false;
        bool is_sent = false;  ///< All of the body was taken for the connection.
        bool is_answered = false;
        CallEnd::How how = CallEnd::How::lost;  ///< By the answer's status.
        bool is_told = false;                   ///< The host has heard of it, or is not to hear of it.
    };

    /// Sums what bodies take.
    void hold(std::size_t bytes) { held += bytes; }
    void let_go(std::size_t bytes) { held -= bytes; }

    Call* find(CallId id) {
        const auto found = calls.find(id);
        return found == calls.end() ? nullptr : &found->second;
    }

    void forget(CallId id) {
        const auto found = calls.find(id);
        if (found == calls.end()) return;
        let_go(found->second.out.size() + found->second.in.size());
        calls.erase(found);
    }

    /// Ends a stream; its call fails with `service_unavailable`.
    void reset(CallId id, std::uint32_t code) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, code);
    }

    /// All that the other side says in this call has come.
    void whole(CallId id, Call& call) {
        let_go(call.in.size());
        std::string body = std::exchange(call.in, {});
        if (side == Side::answers) {
            if (!call.has_path || !call.has_time || !call.is_post) return reset(id, NGHTTP2_PROTOCOL_ERROR);
            call.is_told = true;
            return host.asked(id, call.head, std::move(body));
        }
        call.is_told = true;
        CallEnd end{.how = call.how, .epoch = 0, .body = std::move(body)};
        if (end.how == CallEnd::How::moved) end.epoch = call.head.epoch;
        if (end.how == CallEnd::How::lost) end.body = "the node failed at the call";
        host.answered(id, std::move(end));
    }

    /// A stream has ended, by `code`, or the connection.
    void closed(CallId id, std::uint32_t code) {
        Call* const call = find(id);
        if (call == nullptr) return;
        const bool is_told = std::exchange(call->is_told, true);
        const bool is_answered = call->is_answered && call->sent == call->out.size();
        // RFC 9113 §8.7: what was refused was not begun with.
        const bool is_unsent = !call->is_sent || code == NGHTTP2_REFUSED_STREAM;
        forget(id);
        if (side == Side::answers) {
            if (is_told && !is_answered) host.given_up(id);
            return;
        }
        if (is_told) return;
        using How = CallEnd::How;
        host.answered(id, {.how = is_unsent ? How::unsent : How::lost,
                           .epoch = 0,
                           .body = is_unsent ? "the node took no call" : "the node did not answer"});
    }

    void named(Call& call, std::string_view name, std::string_view value) const {
        if (name == epoch_name) call.head.epoch = number_in<std::int64_t>(value).value_or(0);
        if (side == Side::asks) {
            if (name == ":status" && value == status_answered) call.how = CallEnd::How::answered;
            if (name == ":status" && value == status_moved) call.how = CallEnd::How::moved;
        } else if (name == ":path") {
            call.has_path = read_path(value, call.head);
        } else if (name == ":method") {
            call.is_post = value == "POST";
        } else if (name == time_left_name) {
            const auto time = number_in<std::uint32_t>(value);
            call.has_time = time.has_value();
            call.head.time_left_ms = time.value_or(0);
        }
    }

    void respond(CallId id, Call& call, std::string_view status) {
        call.is_answered = true;
        const std::string epoch = std::to_string(call.head.epoch);
        const std::array<nghttp2_nv, 2> headers{header(":status", status), header(epoch_name, epoch)};
        nghttp2_data_provider body{};
        body.read_callback = &State::read_body;
        nghttp2_submit_response(session, id, headers.data(), headers.size(), &body);
    }

    bool took(CallId id, Call& call, Bytes bytes) {
        if (call.in.size() + bytes.size() > limits.body_bytes_max ||
            held + bytes.size() > limits.held_bytes_max) {
            reset(id, NGHTTP2_ENHANCE_YOUR_CALM);
            return false;
        }
        call.in += as_text(bytes);
        hold(bytes.size());
        return true;
    }

    /// Gives a stream's body, and ends the stream behind it.
    static ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                             std::uint32_t* flags, nghttp2_data_source*, void* user) {
        State& self = *static_cast<State*>(user);
        Call* const call = self.find(id);
        if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const std::size_t count = std::min(size, call->out.size() - call->sent);
        std::copy_n(call->out.data() + call->sent, count, reinterpret_cast<char*>(buffer));
        call->sent += count;
        if (call->sent == call->out.size()) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            call->is_sent = true;
        }
        return static_cast<ssize_t>(count);
    }

    static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        State& self = *static_cast<State*>(user);
        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
        // More than `calls_max` are refused by nghttp2, as announced.
        self.calls.try_emplace(frame->hd.stream_id);
        return 0;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* user) {
        State& self = *static_cast<State*>(user);
        if (Call* const call = self.find(frame->hd.stream_id)) {
            self.named(*call, as_text({name, name_size}), as_text({value, value_size}));
        }
        return 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                       std::size_t size, void* user) {
        State& self = *static_cast<State*>(user);
        Call* const call = self.find(id);
        if (call != nullptr && !call->is_told) self.took(id, *call, {bytes, size});
        return 0;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        State& self = *static_cast<State*>(user);
        if (frame->hd.type == NGHTTP2_GOAWAY) self.is_worn = true;
        const bool has_body = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
        if (!has_body || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        Call* const call = self.find(frame->hd.stream_id);
        if (call != nullptr && !call->is_told) self.whole(frame->hd.stream_id, *call);
        return 0;
    }

    static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
        static_cast<State*>(user)->closed(id, code);
        return 0;
    }

    const Side side;
    Host& host;
    const CallLimits limits;
    nghttp2_session* session = nullptr;
    std::unordered_map<CallId, Call> calls;  ///< Bound: CallLimits::calls_max
    std::size_t held = 0;
    std::uint32_t begun = 0;  ///< Calls, ever.
    bool is_worn = false;
    bool has_ended = false;
};

CallSession::CallSession(Side side, Host& host, const CallLimits& limits)
    : state_(std::make_unique<State>(side, host, limits)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;
    // They fail only if there is no memory, and then the program ends.
    CARILLON_ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &State::on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &State::on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &State::on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &State::on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &State::on_close);
    // Calls that nobody waits for any more are reset, and may be many at once; by default a thousand end the
    // link.
    nghttp2_option_set_stream_reset_rate_limit(option, limits.calls_max * 16, limits.calls_max * 16);
    nghttp2_option_set_max_send_header_block_length(option, head_bytes_max);
    const int made = side == Side::asks
                         ? nghttp2_session_client_new2(&state_->session, callbacks, state_.get(), option)
                         : nghttp2_session_server_new2(&state_->session, callbacks, state_.get(), option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    CARILLON_ASSERT(made == 0);
    const auto calls_max = static_cast<std::uint32_t>(limits.calls_max);
    const std::array<nghttp2_settings_entry, 4> settings{{
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, calls_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, head_bytes_max},
    }};
    nghttp2_submit_settings(state_->session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(state_->session, NGHTTP2_FLAG_NONE, 0, link_window);
}

CallSession::~CallSession() {
    state_->has_ended = true;
    // What is under way ends without a word.
    for (auto& [id, call] : state_->calls) call.is_told = true;
}

Result<CallSession::CallId> CallSession::ask(const CallHead& head, std::string request) {
    State& s = *state_;
    if (s.has_ended || is_worn()) return fail(unavailable("the link to the node is over"));
    if (s.calls.size() >= s.limits.calls_max)
        return fail(unavailable("too many calls to the node are under way"));
    if (request.size() > s.limits.body_bytes_max || s.held + request.size() > s.limits.held_bytes_max)
        return fail(unavailable("the calls to the node are too large"));
    const std::string path =
        "/" + std::string(kinds[static_cast<std::size_t>(head.kind)]) + "/" + std::to_string(head.shard);
    const std::string epoch = std::to_string(head.epoch);
    const std::string time_left = std::to_string(head.time_left_ms);
    const std::array<nghttp2_nv, 6> headers{header(":method", "POST"), header(":scheme", "https"),
                                            header(":path", path),     header(":authority", "node"),
                                            header(epoch_name, epoch), header(time_left_name, time_left)};
    nghttp2_data_provider body{};
    body.read_callback = &State::read_body;
    const std::int32_t id =
        nghttp2_submit_request(s.session, nullptr, headers.data(), headers.size(), &body, nullptr);
    if (id < 0) {
        s.is_worn = true;  // Stream numbers have run out.
        return fail(unavailable("the link to the node is worn"));
    }
    if (++s.begun >= s.limits.calls_ever_max) s.is_worn = true;
    State::Call& call = s.calls[id];
    call.out = std::move(request);
    s.hold(call.out.size());
    return id;
}

void CallSession::give_up(CallId id) {
    State::Call* const call = state_->find(id);
    if (call == nullptr || call->is_told) return;
    call->is_told = true;
    state_->reset(id, NGHTTP2_CANCEL);
}

void CallSession::answer(CallId id, std::string bytes) {
    State& s = *state_;
    State::Call* const call = s.find(id);
    if (call == nullptr || s.has_ended) return;
    if (bytes.size() > s.limits.body_bytes_max || s.held + bytes.size() > s.limits.held_bytes_max)
        return s.reset(id, NGHTTP2_ENHANCE_YOUR_CALM);
    call->out = std::move(bytes);
    s.hold(call->out.size());
    s.respond(id, *call, status_answered);
}

void CallSession::moved(CallId id, std::int64_t epoch) {
    State::Call* const call = state_->find(id);
    if (call == nullptr || state_->has_ended) return;
    call->head.epoch = epoch;
    state_->respond(id, *call, status_moved);
}

void CallSession::refuse(CallId id) {
    State::Call* const call = state_->find(id);
    if (call == nullptr || state_->has_ended) return;
    call->is_answered = true;
    state_->reset(id, NGHTTP2_REFUSED_STREAM);
}

void CallSession::lose(CallId id) {
    State::Call* const call = state_->find(id);
    if (call == nullptr || state_->has_ended) return;
    call->is_answered = true;
    state_->reset(id, NGHTTP2_INTERNAL_ERROR);
}

void CallSession::ping() {
    nghttp2_submit_ping(state_->session, NGHTTP2_FLAG_NONE, nullptr);
}

Result<> CallSession::receive(Bytes bytes) {
    const auto taken = nghttp2_session_mem_recv(state_->session, bytes.data(), bytes.size());
    if (taken < 0 || static_cast<std::size_t>(taken) != bytes.size())
        return fail(Errc::malformed_packet, "a node did not speak HTTP/2");
    return {};
}

void CallSession::take_output(std::string& out, std::size_t bytes_max) {
    const std::size_t before = out.size();
    while (out.size() - before < bytes_max) {
        const std::uint8_t* bytes = nullptr;
        const auto size = nghttp2_session_mem_send(state_->session, &bytes);
        if (size <= 0) return;
        out += as_text({bytes, static_cast<std::size_t>(size)});
    }
}

void CallSession::end() {
    State& s = *state_;
    if (std::exchange(s.has_ended, true)) return;
    std::vector<CallId> under_way;  // Bound: CallLimits::calls_max
    for (const auto& [id, call] : s.calls) under_way.push_back(id);
    for (const CallId id : under_way) s.closed(id, NGHTTP2_NO_ERROR);
}

bool CallSession::has_output() const {
    return nghttp2_session_want_write(state_->session) != 0;
}

bool CallSession::is_over() const {
    return nghttp2_session_want_read(state_->session) == 0 &&
           nghttp2_session_want_write(state_->session) == 0;
}

std::size_t CallSession::calls() const {
    return state_->calls.size();
}

std::size_t CallSession::held_bytes() const {
    return state_->held;
}

bool CallSession::is_worn() const {
    return state_->is_worn;
}

}  // namespace carillon
