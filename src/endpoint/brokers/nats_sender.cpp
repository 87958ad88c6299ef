#include "endpoint/brokers/nats_sender.hpp"

#include "core/events/event_json.hpp"
#include "endpoint/brokers/broker_login.hpp"

#include <fmt/core.h>
#include <nats/nats.h>
#include <cstring>
#include <mutex>
#include <utility>

namespace carillon {

namespace {

using Verdict = DeliveryOutcome::Verdict;

DeliveryOutcome nats_failure(std::string_view what, natsStatus status) {
    return {Verdict::failed, fmt::format("NATS: {}: {}", what, natsStatus_GetText(status)), {}};
}

/// What acknowledgements of a batch say; filled by a thread of the library.
struct Answers {
    std::mutex mutex;  ///< Guards all below.
    DeliveryOutcome worst;

    void note(DeliveryOutcome outcome) {
        const std::lock_guard lock(mutex);
        // The first trouble names the cause; what follows follows from it.
        if (worst.verdict == Verdict::taken) worst = std::move(outcome);
    }
};

void acknowledged(jsCtx*, natsMsg* message, jsPubAck*, jsPubAckErr* trouble, void* closure) {
    if (trouble != nullptr) {
        const std::string text =
            trouble->ErrText != nullptr ? trouble->ErrText : natsStatus_GetText(trouble->Err);
        // A stream that takes no message of this size will not take it later.
        const bool is_too_large = text.find("message size exceeds") != std::string::npos;
        static_cast<Answers*>(closure)->note(
            {is_too_large ? Verdict::refused : Verdict::failed, "NATS JetStream: " + text, {}});
    }
    natsMsg_Destroy(message);
}

natsStatus give_jwt(char** jwt, char**, void* closure) {
    *jwt = ::strdup(static_cast<NatsLogin*>(closure)->name.c_str());
    return *jwt != nullptr ? NATS_OK : NATS_NO_MEMORY;
}

natsStatus sign_nonce(char**, unsigned char** signature, int* size, const char* nonce, void* closure) {
    return nats_Sign(static_cast<NatsLogin*>(closure)->value.c_str(), nonce, signature, size);
}

}  // namespace

struct NatsSender::Line {
    Line() = default;
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;
    ~Line() {
        // The context goes first: its last callbacks come from the connection's threads.
        jsCtx_Destroy(context);
        natsConnection_Close(connection);
        natsConnection_Destroy(connection);
    }
    natsConnection* connection = nullptr;
    jsCtx* context = nullptr;
    Answers answers;
};

NatsSender::NatsSender(const RouteEndpoint& endpoint, std::vector<BrokerAddress> brokers,
                       std::string hub_name, std::string ca_file, const std::atomic<bool>& stops)
    : endpoint_(endpoint),
      brokers_(std::move(brokers)),
      hub_name_(std::move(hub_name)),
      ca_file_(std::move(ca_file)),
      stops_(stops) {}

NatsSender::~NatsSender() = default;

DeliveryOutcome NatsSender::connect() {
    std::vector<std::string> urls;
    std::vector<const char*> servers;
    for (const BrokerAddress& broker : brokers_)
        urls.push_back((broker.is_tls ? "tls://" : "nats://") + broker.place());
    for (const std::string& url : urls) servers.push_back(url.c_str());
    natsOptions* made = nullptr;
    natsStatus status = natsOptions_Create(&made);
    const std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> options(made, natsOptions_Destroy);
    const auto then = [&status](auto function, auto... args) {
        if (status == NATS_OK) status = function(args...);
    };
    then(natsOptions_SetServers, made, servers.data(), static_cast<int>(servers.size()));
    then(natsOptions_SetName, made, hub_name_.c_str());
    then(natsOptions_SetTimeout, made, std::int64_t{wait_max.count()});
    // The hub itself tries again, and goes where it was told to alone.
    then(natsOptions_SetAllowReconnect, made, false);
    then(natsOptions_SetIgnoreDiscoveredServers, made, true);
    if (brokers_.front().is_tls) {
        then(natsOptions_SetSecure, made, true);
        if (!ca_file_.empty()) then(natsOptions_LoadCATrustedCertificates, made, ca_file_.c_str());
    }
    if (!endpoint_.client_certificate.empty()) {
        const auto certificate = BrokerCertificate::parse(endpoint_.client_certificate);
        if (!certificate) return {Verdict::failed, "NATS: " + certificate.error().detail, {}};
        then(natsOptions_SetCertificatesChain, made, certificate->chain.c_str(), certificate->key.c_str());
    }
    auto login = NatsLogin::parse(endpoint_.secret);
    if (!login) return {Verdict::failed, "NATS: " + login.error().detail, {}};
    void* const closure = &*login;  // The connection is made below, and never again.
    switch (login->kind) {
        case NatsLogin::Kind::none:
            break;
        case NatsLogin::Kind::user:
            then(natsOptions_SetUserInfo, made, login->name.c_str(), login->value.c_str());
            break;
        case NatsLogin::Kind::token:
            then(natsOptions_SetToken, made, login->value.c_str());
            break;
        case NatsLogin::Kind::nkey:
            then(natsOptions_SetNKey, made, login->name.c_str(), sign_nonce, closure);
            break;
        case NatsLogin::Kind::credentials:
            then(natsOptions_SetUserCredentialsCallbacks, made, give_jwt, closure, sign_nonce, closure);
            break;
    }
    if (status != NATS_OK) return nats_failure("settings", status);
    auto line = std::make_unique<Line>();
    status = natsConnection_Connect(&line->connection, made);
    if (status != NATS_OK) return nats_failure(brokers_.front().place(), status);
    jsOptions context;
    jsOptions_Init(&context);
    context.Wait = wait_max.count();
    context.PublishAsync.MaxPending = in_flight_max;
    context.PublishAsync.StallWait = wait_max.count();
    context.PublishAsync.AckHandler = acknowledged;
    context.PublishAsync.AckHandlerClosure = &line->answers;
    status = natsConnection_JetStream(&line->context, line->connection, &context);
    if (status != NATS_OK) return nats_failure("JetStream", status);
    line_ = std::move(line);
    return {};
}

DeliveryOutcome NatsSender::send(const std::vector<RoutedEvent>& events) {
    if (!line_) {
        if (auto connected = connect(); connected.verdict != Verdict::taken) return connected;
    }
    auto outcome = publish(events);
    // What is still on its way must not come behind what is sent again.
    if (outcome.verdict == Verdict::failed) line_.reset();
    return outcome;
}

DeliveryOutcome NatsSender::publish(const std::vector<RoutedEvent>& events) {
    line_->answers.worst = {};
    for (const RoutedEvent& event : events) {
        std::string body;
        append_event_json(body, event.partition, event.sequence, event.message);
        const std::string subject = nats_subject(endpoint_.path, endpoint_.name, event.message.device_id);
        const std::string id = fmt::format("{}-{}-{}", hub_name_, event.partition, event.sequence);
        natsMsg* message = nullptr;
        natsStatus status =
            natsMsg_Create(&message, subject.c_str(), nullptr, body.data(), static_cast<int>(body.size()));
        if (status != NATS_OK) return {Verdict::refused, "NATS takes no such subject: " + subject, {}};
        jsPubOptions options;
        jsPubOptions_Init(&options);
        options.MsgId = id.c_str();
        options.MaxWait = wait_max.count();
        status = js_PublishMsgAsync(line_->context, &message, &options);
        if (status == NATS_OK) continue;
        natsMsg_Destroy(message);
        if (status == NATS_MAX_PAYLOAD)
            return {Verdict::refused, "NATS: the event is larger than the server takes", {}};
        return nats_failure("publish", status);
    }
    const auto until = std::chrono::steady_clock::now() + wait_max;
    for (;;) {
        jsPubOptions options;
        jsPubOptions_Init(&options);
        options.MaxWait = step.count();
        const natsStatus status = js_PublishAsyncComplete(line_->context, &options);
        if (status == NATS_OK) break;
        if (status != NATS_TIMEOUT) return nats_failure("acknowledgements", status);
        if (stops_.load()) return {Verdict::failed, "the hub goes down", {}};
        if (natsConnection_Status(line_->connection) != NATS_CONN_STATUS_CONNECTED)
            return {Verdict::failed, "NATS: the connection is lost", {}};
        if (std::chrono::steady_clock::now() > until)
            return {Verdict::failed,
                    "NATS JetStream: no acknowledgement; is there a stream of this subject?",
                    {}};
    }
    const std::lock_guard lock(line_->answers.mutex);
    return line_->answers.worst;
}

}  // namespace carillon
