#include "provisioning/mqtt_registration.hpp"

#include <utility>

namespace carillon {

MqttRegistration::MqttRegistration(client::ClientIo& io, const client::LinkSettings& settings,
                                   Introduction introduction)
    : io_(io), settings_(settings), introduction_(std::move(introduction)) {}

MqttRegistration::~MqttRegistration() {
    close();
}

Result<RegistrationAnswer> MqttRegistration::begin(std::string_view body, std::chrono::milliseconds timeout) {
    return ask(&RegistrationSession::begin, body, timeout);
}

Result<RegistrationAnswer> MqttRegistration::poll(std::string_view operation_id,
                                                  std::chrono::milliseconds timeout) {
    return ask(&RegistrationSession::poll, operation_id, timeout);
}

Result<RegistrationAnswer> MqttRegistration::ask(Request request, std::string_view text,
                                                 std::chrono::milliseconds timeout) {
    const bool was_open = link_ != nullptr;
    auto answer = ask_once(request, text, timeout);
    // The service may end a connection that waits; to ask twice does no harm.
    const bool is_gone = !answer && answer.error().code == Errc::connection_closed;
    if (was_open && is_gone) answer = ask_once(request, text, timeout);
    if (!answer && answer.error().code == Errc::service_unavailable)
        return RegistrationAnswer{.status = http_status(Errc::service_unavailable)};
    return answer;
}

Result<RegistrationAnswer> MqttRegistration::ask_once(Request request, std::string_view text,
                                                      std::chrono::milliseconds timeout) {
    if (auto is_open = open(); !is_open) {
        close();
        return fail(std::move(is_open).error());
    }
    ((*session_).*request)(text);
    std::optional<RegistrationAnswer> answer;
    const auto is_answered = [&] {
        answer = session_->take_answer();
        return answer.has_value();
    };
    if (auto came = run_until(is_answered, timeout, "the service does not answer"); !came) {
        close();
        return fail(std::move(came).error());
    }
    return *std::move(answer);
}

Result<> MqttRegistration::open() {
    if (link_) return {};
    end_.reset();
    client::StreamHandler& handler = *this;
    link_ = std::make_unique<client::DeviceLink>(io_, handler, settings_);
    link_->open();
    const auto is_ready = [&] { return session_ && session_->is_ready(); };
    return run_until(is_ready, introduction_.connect_timeout, "the service does not take the connection");
}

template <class Holds>
Result<> MqttRegistration::run_until(Holds holds, std::chrono::milliseconds timeout, const char* what) {
    bool is_late = false;
    client::Loop& loop = io_.loop();
    const auto timer = loop.at(loop.now() + timeout, [&] {
        is_late = true;
        loop.stop();
    });
    bool is_held = false;
    for (;;) {
        if (session_) link_->send(session_->take_output());
        is_held = holds();
        if (is_held || end_ || is_late || (session_ && session_->is_closed())) break;
        loop.run();
    }
    if (!is_late) loop.cancel(timer);
    if (is_held) return {};
    if (session_ && session_->is_closed()) return fail(session_->reason());
    if (end_) return fail(*end_);
    return fail(Errc::gateway_timeout, what);
}

void MqttRegistration::close() {
    if (!link_) return;
    if (session_) {
        session_->disconnect();
        link_->send(session_->take_output());
    }
    session_.reset();
    link_->close();
    // The loop may hold a call to it until the end of a turn.
    io_.loop().defer([link = std::move(link_)] {});
    io_.loop().stop();
    io_.loop().run();
}

// --- StreamHandler -----------------------------------------------------------------------------

void MqttRegistration::opened() {
    session_.emplace(introduction_.user_name, introduction_.registration_id, introduction_.token);
    io_.loop().stop();
}

void MqttRegistration::received(Bytes bytes) {
    session_->receive(bytes);
    io_.loop().stop();
}

void MqttRegistration::closed(const Error& reason) {
    end_ = reason;
    io_.loop().stop();
}

}  // namespace carillon
