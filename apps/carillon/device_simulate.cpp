// carillon device simulate: one device, whose answers are given in advance.

#include "device_simulate.hpp"
#include "answer_script.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "device_request.hpp"
#include "flag_checks.hpp"
#include "fleet/distribution.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"
#include "row_printer.hpp"
#include "running_fleet.hpp"
#include "simulate_run.hpp"
#include "wire/sas/connection_string.hpp"

#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <iostream>
#include <optional>

namespace carillon {

namespace {

using fleet::Behaviour;
using fleet::Credentials;
using fleet::Distribution;
using fleet::ScriptedAnswer;

/// Between two looks at whether the device has got in.
constexpr std::chrono::seconds between_status_looks{1};

struct SimulateDeviceArgs {
    HubFlags hub;
    std::string device;
    std::string connection_string;
    std::string answers;
    std::string reported;
    std::string data = R"({"temperature":20})";
    std::string payload = "{}";
    int status = 200;
    std::uint64_t messages = 0;
    double message_interval_s = 3;
    std::optional<Duration> latency;
    std::optional<Duration> duration;
    SimulatedTransport transport;
    std::optional<MessageAnswer> message_answer;
    bool echoes = false;
};

/// What happens to the device, as it happens: sentences for people, or a row each.
class EventLog {
public:
    explicit EventLog(Format format)
        : is_talk_(format == Format::automatic), printer_(std::cout, format, columns(), TableWidth()) {}

    void say(const char* event, const std::string& name, std::optional<std::int64_t> number,
             std::string_view json, std::string_view answer = {}) {
        std::string row;
        JsonWriter out(row);
        out.begin_object().member("time", to_iso8601(clock_.wall_now())).member("event", event);
        if (!name.empty()) out.member("name", name);
        if (number) out.member("number", *number);
        if (JsonDocument::parse(json)) out.member_raw("json", json);
        if (!answer.empty()) out.member_raw("answer", answer);
        out.end_object();
        if (!is_talk_) return printer_.print({row});
        std::cout << event << (name.empty() ? "" : " ") << name;
        if (number) std::cout << ' ' << *number;
        if (!json.empty()) std::cout << ' ' << json;
        if (!answer.empty()) std::cout << " -> " << answer;
        std::cout << std::endl;
    }
    void finish() {
        if (!is_talk_) printer_.finish();
    }

private:
    static std::vector<Column> columns() {
        std::vector<Column> made;
        for (const char* name : {"time", "event", "name", "number", "json", "answer"})
            made.push_back({name, name});
        return made;
    }
    SystemClock clock_;
    bool is_talk_;
    RowPrinter printer_;
};

/// Why a connection was lost. Codes of ours have no name that a peer would know.
std::string loss_text(Errc reason) {
    switch (reason) {
        case Errc::connection_closed:
            return "connection closed";
        case Errc::unreachable:
            return "no answer";
        case Errc::malformed_packet:
            return "malformed packet";
        default:
            return std::string(errc_name(reason));
    }
}

/// Answers from the script and tells the log.
class OneDevice final : public fleet::Script {
public:
    OneDevice(const SimulateDeviceArgs& args, AnswerScript answers, EventLog& log)
        : args_(args), answers_(std::move(answers)), log_(log) {}

    std::string connected() override {
        log_.say("connected", {}, {}, {});
        return args_.reported;
    }
    void lost(Errc reason) override { log_.say("lost", loss_text(reason), {}, {}); }
    ScriptedAnswer method_called(std::string_view name, std::string_view payload) override {
        ScriptedAnswer answer = answers_.next(name);
        const bool is_silent = !answer.status;
        log_.say(is_silent ? "ignored" : "method", std::string(name), answer.status, payload,
                 is_silent ? std::string_view() : std::string_view(answer.payload_json));
        return answer;
    }
    std::string desired_changed(std::int64_t version, std::string_view json, bool is_whole) override {
        log_.say(is_whole ? "desired" : "changed", {}, version, json);
        return args_.echoes ? without_metadata(json) : std::string();
    }
    void reported(int status, std::string_view body) override { log_.say("reported", {}, status, body); }
    MessageAnswer message_received(const HubToDeviceMessage& message) override {
        std::string json;
        JsonWriter out(json);
        out.begin_object().key("systemProperties").begin_object();
        for (const auto& [name, value] : message.system) out.member(name, value);
        out.end_object().key("properties").begin_object();
        for (const auto& [name, value] : message.properties) out.member(name, value);
        out.end_object();
        if (is_utf8(message.body)) {
            out.member("body", message.body);
        } else {
            out.member("bodyBase64", base64_encode(message.body));
        }
        out.end_object();
        const MessageAnswer answer = args_.message_answer.value_or(MessageAnswer::complete);
        const bool is_abandoned = answer == MessageAnswer::abandon;
        const char* const what = answer == MessageAnswer::reject ? "rejected" : "completed";
        log_.say("c2d", is_abandoned ? "abandoned" : what, {}, json);
        return answer;
    }
    std::optional<std::string> telemetry(std::uint64_t nth) override {
        if (nth >= args_.messages) return std::nullopt;
        log_.say("message", {}, static_cast<std::int64_t>(nth + 1), args_.data);
        return args_.data;
    }

private:
    const SimulateDeviceArgs& args_;
    AnswerScript answers_;
    EventLog& log_;
};

/// The device's own connection string: given, or the hub is asked for it.
Result<sas::ConnectionString> find_login(const SimulateDeviceArgs& args) {
    std::string text = args.connection_string;
    if (text.empty()) {
        const auto id = device_argument(args.device);
        if (!id) return fail(id.error());
        auto client = open_hub(args.hub);
        if (!client) return fail(std::move(client).error());
        const auto identity = client->find_device(*id);
        if (!identity) return fail(identity.error());
        auto own = device_connection_string(client->host_name(), *identity);
        if (!own) return fail(std::move(own).error());
        text = *std::move(own);
    }
    auto login = sas::parse_connection_string(text);
    if (!login) return fail_usage("--connection-string: " + login.error().detail);
    if (login->device_id.empty() || !login->module_id.empty() || login->key.empty()) {
        return fail_usage("--connection-string is not that of a device with a SharedAccessKey");
    }
    if (!args.device.empty() && args.device != login->device_id) {
        return fail_usage("--connection-string is of " + login->device_id + ", not of " + args.device);
    }
    return login;
}

Result<AnswerScript> make_answers(const SimulateDeviceArgs& args) {
    ScriptedAnswer usual;
    usual.status = args.status;
    usual.latency = args.latency.value_or(Duration::zero());
    auto payload = read_json_argument("--method-response-payload", args.payload);
    if (!payload) return fail(std::move(payload).error());
    usual.payload_json = *std::move(payload);
    AnswerScript answers(std::move(usual));
    if (args.answers.empty()) return answers;
    const auto json = read_json_argument("--answers", args.answers);
    if (!json) return fail(json.error());
    if (auto added = answers.add(*json); !added) return fail(std::move(added).error());
    return answers;
}

/// Where to reach the hub; with a device's own connection string no login is needed.
Result<ServiceOptions> find_hub(const SimulateDeviceArgs& args) {
    if (args.connection_string.empty()) return hub_options(args.hub);
    HubFlags flags = args.hub;
    if (flags.login.empty() && flags.context.empty()) flags.login = args.connection_string;
    return hub_options(flags);
}

/// Runs it until a signal or the end of its time. Fails with what kept it out.
Result<Exit> run(RunningFleet& running, const SimulateDeviceArgs& args, const sigset_t& signals) {
    if (auto started = running.start(); !started) return fail(std::move(started).error());
    const TimePoint begun = std::chrono::steady_clock::now();
    const TimePoint end = args.duration ? begun + *args.duration : TimePoint::max();
    std::optional<Errc> mistake;
    bool is_refused = false;
    while (!mistake) {
        const TimePoint next =
            std::min<TimePoint>(end, std::chrono::steady_clock::now() + between_status_looks);
        const int signal = wait_for_signal(signals, next);
        if (signal == SIGUSR1) running.cut();
        const TimePoint now = std::chrono::steady_clock::now();
        if (signal == SIGINT || signal == SIGTERM || now >= end) break;
        const auto look = running.look();
        if (look.first.connects > 0 || !look.second) continue;
        // A hub may come up in a moment; one that refuses will not think again.
        is_refused = look.first.refused > 0;
        if (is_refused || now - begun >= first_connect_max) mistake = look.second;
    }
    running.leave();
    if (!mistake) return Exit::ok;
    if (*mistake == Errc::iot_hub_unauthorized) {
        return fail(*mistake, "the hub refuses the device: has it other keys, or is its token over?");
    }
    // CONNACK code 3 is what the service has for devices that are disabled. Source: azure-iot-sdk-c#2300.
    if (is_refused) return fail(Errc::device_disabled, "the hub refuses the device: it is disabled");
    return fail(
        *mistake,
        "the device does not get in; --mqtts-port, --amqps-port or --port says where the hub takes devices");
}

Result<Exit> simulate_device(const SimulateDeviceArgs& given) {
    const sigset_t signals = block_signals();
    SimulateDeviceArgs args = given;
    if (!args.reported.empty()) {
        auto reported = read_json_argument("--init-reported-properties", args.reported);
        if (!reported) return fail(std::move(reported).error());
        args.reported = *std::move(reported);
    }
    auto data = read_json_argument("--data", args.data);
    if (!data) return fail(std::move(data).error());
    args.data = *std::move(data);
    auto answers = make_answers(args);
    if (!answers) return fail(std::move(answers).error());
    const auto login = find_login(args);
    if (!login) return fail(login.error());
    const auto hub = find_hub(args);
    if (!hub) return fail(hub.error());
    const auto credentials = Credentials::of_device(*login);
    const auto settings = connector_settings(*hub, credentials.host_name(), args.transport);
    if (!settings) return fail(settings.error());
    const Connector connector(*settings);

    fleet::BehaviourOptions options;
    if (args.messages > 0) {
        const auto every = Distribution::parse(std::to_string(args.message_interval_s) + "s");
        if (!every) return fail(every.error());
        options.telemetry_every = *every;
    }
    const auto behaviour = Behaviour::make(options);
    if (!behaviour) return fail(behaviour.error());
    fleet::FleetOptions fleet;
    fleet.only = login->device_id;
    if (auto applied = apply_transport(args.transport, fleet); !applied)
        return fail(std::move(applied).error());
    args.message_answer = fleet.message_answer;

    EventLog log(args.hub.format);
    OneDevice script(args, *std::move(answers), log);
    Result<Exit> outcome = Exit::ok;
    {
        RunningFleet running(connector, credentials, *behaviour, fleet, &script);
        outcome = run(running, args, signals);
    }
    if (outcome) log.say("stopped", {}, {}, {});
    log.finish();
    return outcome;
}

void add_time(CLI::App& verb, const std::string& name, std::optional<Duration>& target, const char* help) {
    const auto take = [&target, name](const std::string& text) {
        const auto parsed = fleet::parse_duration(text);
        if (!parsed) throw CLI::ValidationError(name, parsed.error().detail);
        target = *parsed;
    };
    verb.add_option_function<std::string>(name, take, help)->type_name("TIME");
}

}  // namespace

void add_device_simulate(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<SimulateDeviceArgs>();
    auto& verb = *group.add_subcommand("simulate", "Be a device: answer methods, report, send messages");
    add_hub_flags(verb, args->hub);
    verb.add_option("device,-d,--device-id", args->device, "Id of the device, whose key the hub is asked for")
        ->type_name("DEVICE");
    verb.add_option("--connection-string,--cs", args->connection_string,
                    "Connection string of the device [the hub is asked]")
        ->type_name("TEXT");
    verb.add_option(
            "--answers", args->answers,
            "Answers by method: {\"lockDoor\":{\"status\":200,\"payload\":{…},\"after\":\"2s\"}}, a list "
            "of such for one after another; JSON, @FILE or -")
        ->type_name("JSON");
    verb.add_option("--method-response-code,--mrc", args->status, "Status of all other answers [200]")
        ->type_name("N");
    verb.add_option("--method-response-payload,--mrp", args->payload, "Payload of all other answers [{}]")
        ->type_name("JSON");
    add_time(verb, "--method-latency", args->latency, "From a method to its answer [at once]");
    verb.add_option("--init-reported-properties,--irp", args->reported, "Reported when it has connected")
        ->type_name("JSON");
    verb.add_flag("--echo-desired", args->echoes, "Report desired properties back, as done");
    verb.add_option("--msg-count,--mc", args->messages, "Messages to send [0]")->type_name("N");
    verb.add_option("--msg-interval,--mi", args->message_interval_s, "Seconds between two messages [3]")
        ->check(number_between(0.001, 86400, "seconds"))
        ->type_name("SECONDS");
    verb.add_option("--data,--da", args->data, "What each message holds [a temperature]")->type_name("JSON");
    add_time(verb, "--duration", args->duration, "End after this time [until it is stopped]");
    add_transport_flags(verb, args->transport, "Options",
                        "What becomes of cloud-to-device messages: complete, abandon or reject; the last two "
                        "over AMQP [complete]");
    verb.footer(
        "It connects again whenever it is cut off. SIGINT or SIGTERM ends it in order, SIGUSR1 cuts its "
        "connection.\n`carillon simulate` runs whole fleets.");
    on_chosen(verb, args, simulate_device, exit_code);
}

}  // namespace carillon
