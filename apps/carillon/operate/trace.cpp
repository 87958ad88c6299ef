// carillon trace: what one device does.

#include "base/json.hpp"
#include "fleet/distribution.hpp"
#include "hub_flags.hpp"
#include "operate/operator_commands.hpp"

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

namespace carillon {
namespace {

struct TraceArgs {
    HubFlags hub;
    std::string device;
    std::string time = "5m";
};

constexpr std::chrono::seconds time_max{3600};
constexpr std::chrono::milliseconds between_trace_looks{500};

/// Gives the id of the trace.
Result<std::string> begin_trace(ServiceClient& client, const DeviceId& device, std::chrono::seconds time) {
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("deviceId", device.str())
        .member("seconds", time.count())
        .end_object();
    const auto answer = client.send({.method = "POST", .target = "/carillon/traces", .body = body});
    if (!answer) return fail(answer.error());
    const auto document = JsonDocument::parse(*answer);
    const std::string id(document ? document->root().find("traceId").string() : std::string_view());
    if (id.empty()) return fail(Errc::malformed_packet, "the hub's answer is not a trace");
    return id;
}

/// Prints what has come; false once the trace is over, or nobody reads.
Result<bool> print_events(ServiceClient& client, const std::string& target) {
    const auto answer = client.send({.method = "GET", .target = target, .body = {}});
    if (!answer) return fail(answer.error());
    const auto document = JsonDocument::parse(*answer);
    if (!document) return fail(document.error());
    const JsonValue events = document->root().find("events");
    if (!events.is_array()) return fail(Errc::malformed_packet, "the hub's answer is not part of a trace");
    for (JsonValue event = events.first(); event.exists(); event = event.next())
        std::cout << event.raw() << '\n';
    std::cout.flush();
    const std::int64_t dropped = document->root().find("dropped").integer().value_or(0);
    if (dropped > 0) std::cerr << dropped << " events were left out, as they came too fast\n";
    return std::cout.good() && !document->root().find("isOver").boolean();
}

Result<Exit> trace(const TraceArgs& args) {
    const auto device = device_argument(args.device);
    if (!device) return fail(device.error());
    const auto given = fleet::parse_duration(args.time);
    if (!given || *given < std::chrono::seconds(1) || *given > time_max) {
        return fail_usage("--for takes a time from 1s to 1h, such as 90s or 5m, not " + args.time);
    }
    const auto time = std::chrono::duration_cast<std::chrono::seconds>(*given);
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto id = begin_trace(*client, *device, time);
    if (!id) return fail(id.error());
    std::cerr << "Tracing " << args.device << " for " << time.count() << " s.\n";
    const std::string target = "/carillon/traces/" + *id;
    for (;;) {
        const auto goes_on = print_events(*client, target);
        if (!goes_on) return fail(goes_on.error());
        if (!*goes_on) break;
        std::this_thread::sleep_for(between_trace_looks);
    }
    if (auto ended = client->send({.method = "DELETE", .target = target, .body = {}}); !ended) {
        return fail(std::move(ended).error());
    }
    return Exit::ok;
}

}  // namespace

void add_trace(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("trace", "What one device does");
    group.require_subcommand(1);
    auto& verb = *group.add_subcommand("device", "Print what a device and its modules do, as it happens");
    auto args = std::make_shared<TraceArgs>();
    add_hub_flags(verb, args->hub);
    add_device_flag(verb, args->device);
    verb.add_option("--for", args->time, "How long, such as 90s, 5m or 1h [5m]")->type_name("TIME");
    verb.footer("One JSON object per line, with the size of each payload but not its content.");
    on_chosen(verb, args, trace, exit_code);
}

}  // namespace carillon
