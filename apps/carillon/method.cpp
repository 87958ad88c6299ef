// carillon method: direct methods.

#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"

namespace carillon {

namespace {

struct MethodArgs {
    HubFlags hub;
    std::string device;
    std::string module;
    std::string payload;
    MethodInvocation call;
};

Result<Exit> invoke(const MethodArgs& args) {
    const auto target = target_argument(args.device, args.module);
    if (!target) return fail(target.error());
    MethodInvocation call = args.call;
    if (call.connect_timeout_s > call.response_timeout_s) {
        return fail_usage("--timeout-connect, " + std::to_string(call.connect_timeout_s) +
                          " s, cannot be longer than --timeout, " + std::to_string(call.response_timeout_s) +
                          " s");
    }
    if (!args.payload.empty()) {
        auto payload = read_json_argument("--method-payload", args.payload);
        if (!payload) return fail(std::move(payload).error());
        call.payload_json = *std::move(payload);
    }
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto answer = client->invoke_method(*target, call);
    if (!answer) return fail(answer.error());
    return show_document(args.hub, *answer);
}

}  // namespace

void add_method_group(CLI::App& app, const char* description, Needed module, int& exit_code) {
    auto& group = *app.add_subcommand("method", description);
    group.require_subcommand(1);
    auto args = std::make_shared<MethodArgs>();
    auto& verb = *group.add_subcommand(
        "invoke", "Call a method and print the answer; the exit code is 0 whatever status it has");
    add_device_flag(verb, args->device);
    add_module_flag(verb, args->module, module);
    verb.add_option("--method-name,--mn", args->call.name, "Name of the method")->required();
    verb.add_option("--method-payload,--mp", args->payload, "JSON, @FILE or - for standard input [null]");
    verb.add_option("--timeout,--to,--method-response-timeout,--mrt", args->call.response_timeout_s,
                    "Seconds to wait for the answer, 5 to 300 [30]")
        ->check(whole_number(5, 300, "seconds"));
    verb.add_option("--timeout-connect,--method-connect-timeout,--mct", args->call.connect_timeout_s,
                    "Seconds to wait for the device to connect, no more than the other [0]")
        ->check(whole_number(0, 300, "seconds"));
    add_hub_flags(verb, args->hub);
    on_chosen(verb, args, invoke, exit_code);
}

void add_method(CLI::App& app, int& exit_code) {
    add_method_group(app, "Direct methods of devices and modules", Needed::no, exit_code);
}

}  // namespace carillon
