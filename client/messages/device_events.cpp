#include "carillon/device_events.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace carillon {

namespace {

std::vector<std::pair<std::string, std::string>> texts_of(JsonValue object) {
    std::vector<std::pair<std::string, std::string>> texts;
    for (auto member = object.first(); member.exists(); member = member.next())
        texts.emplace_back(member.key(), member.string());
    return texts;
}

/// How often a pause looks whether it is to end.
constexpr std::chrono::milliseconds look_again{200};

/// True if the next attempt may succeed.
bool may_pass(const Error& error) {
    switch (error.code) {
        case Errc::unreachable:
        case Errc::connection_closed:
        case Errc::gateway_timeout:
            return true;
        default:
            return http_status(error.code) == 503 || http_status(error.code) == 429;
    }
}

}  // namespace

Result<DeviceEvent> parse_device_event(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    const JsonValue root = document ? document->root() : JsonValue();
    const auto partition = root.find("partition").integer();
    const auto sequence = root.find("sequenceNumber").integer();
    if (!partition || !sequence || *partition < 0 || *sequence < 0)
        return fail(Errc::malformed_packet, "an event without partition and sequence number");
    DeviceEvent event;
    event.partition = static_cast<std::uint32_t>(*partition);
    event.sequence = static_cast<std::uint64_t>(*sequence);
    event.enqueued = root.find("enqueuedTime").string();
    event.device_id = root.find("deviceId").string();
    event.module_id = root.find("moduleId").string();
    event.source = root.find("source").string();
    event.system = texts_of(root.find("systemProperties"));
    event.properties = texts_of(root.find("properties"));
    const JsonValue body = root.find("body");
    const std::string_view format = root.find("bodyFormat").string();
    if (format == "base64") {
        auto bytes = base64_decode(body.string());
        if (!bytes) return fail(Errc::malformed_packet, "the body of an event is not base64");
        event.body = *std::move(bytes);
    } else {
        event.body = format == "json" ? body.raw() : body.string();
    }
    return event;
}

struct DeviceEvents::Impl {
    ServiceClient client;
    EventsQuery query;
    std::string behind{};  ///< The event that is being given.
};

DeviceEvents::DeviceEvents(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DeviceEvents::DeviceEvents(DeviceEvents&&) noexcept = default;
DeviceEvents& DeviceEvents::operator=(DeviceEvents&&) noexcept = default;
DeviceEvents::~DeviceEvents() = default;

Result<DeviceEvents> DeviceEvents::open(const ServiceOptions& options, EventsQuery query) {
    auto client = ServiceClient::open(options);
    if (!client) return fail(std::move(client).error());
    return DeviceEvents(std::make_unique<Impl>(Impl{*std::move(client), std::move(query), {}}));
}

const std::string& DeviceEvents::checkpoint() const {
    return impl_->query.after;
}

const std::string& DeviceEvents::place_behind() const {
    return impl_->behind;
}

Result<> DeviceEvents::read(const std::function<bool(const DeviceEvent&)>& take,
                            std::chrono::steady_clock::time_point until, const std::atomic<bool>* stop) {
    using Steady = std::chrono::steady_clock;
    auto& query = impl_->query;
    auto backoff = backoff_min;
    const auto is_stopped = [stop] { return stop != nullptr && *stop; };
    while (Steady::now() < until && !is_stopped()) {
        bool is_over = false;
        Result<> broken;
        const auto heard = [&](const ServiceEvent& event) {
            backoff = backoff_min;
            if (event.name == "error") {
                broken = fail(Errc::service_unavailable, event.data);
                return false;
            }
            if (event.name == "end") is_over = true;
            if (event.name == "message") {
                auto parsed = parse_device_event(event.data);
                if (!parsed) {
                    broken = fail(std::move(parsed).error());
                    is_over = true;
                    return false;
                }
                impl_->behind = event.id;
                is_over = !take(*parsed);
                if (query.limit > 0 && --query.limit == 0) is_over = true;
            }
            query.after = event.id;
            return !is_over;
        };
        const auto outcome = impl_->client.follow_events(query, until, heard, {}, stop);
        if (is_over) return broken;
        if (is_stopped()) return {};
        const Error reason = !outcome ? outcome.error() : !broken ? broken.error() : Error{};
        if ((!outcome || !broken) && !may_pass(reason)) return fail(reason);
        // The hub goes down, or comes up.
        const auto again = std::min<Steady::time_point>(Steady::now() + backoff, until);
        while (Steady::now() < again && !is_stopped())
            std::this_thread::sleep_until(std::min<Steady::time_point>(Steady::now() + look_again, again));
        backoff = std::min(backoff * 2, backoff_max);
    }
    return {};
}

}  // namespace carillon
