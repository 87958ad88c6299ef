// carillon c2d: cloud-to-device messages.

#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "message_request.hpp"
#include "talk.hpp"

#include <CLI/Validators.hpp>
#include <iostream>

namespace carillon {

namespace {

struct MessageArgs {
    HubFlags hub;
    std::string device;
    std::string module;
    MessageOrder order;
    std::string lock;
    int lock_s = 60;
    bool completes = false;
    bool abandons = false;
    bool rejects = false;
};

Result<Exit> send(const MessageArgs& args) {
    const auto target = target_argument(args.device, args.module);
    if (!target) return fail(target.error());
    const auto message = read_message_order(args.order);
    if (!message) return fail(message.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto sent = client->send_message(*target, *message); !sent) return fail(std::move(sent).error());
    if (!is_quiet()) std::cerr << "message queued for " << target->path() << "\n";
    return Exit::ok;
}

Result<Exit> purge(const MessageArgs& args) {
    const auto device = device_argument(args.device);
    if (!device) return fail(device.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto purged = client->purge_messages(*device);
    if (!purged) return fail(purged.error());
    return show_document(args.hub, *purged);
}

Result<Exit> receive(const MessageArgs& args) {
    const auto device = device_argument(args.device);
    if (!device) return fail(device.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto received = client->receive_message(*device, args.lock_s);
    if (!received) return fail(received.error());
    if (!*received) {
        if (!is_quiet()) std::cerr << "no message waits for " << device->str() << "\n";
        return Exit::ok;
    }
    const Exit shown = show_document(args.hub, message_json(**received));
    std::optional<MessageSettlement> how;
    if (args.completes) how = MessageSettlement::complete;
    if (args.abandons) how = MessageSettlement::abandon;
    if (args.rejects) how = MessageSettlement::reject;
    if (!how) return shown;
    if (auto settled = client->settle_message(*device, (*received)->lock, *how); !settled) {
        return fail(std::move(settled).error());
    }
    return shown;
}

Result<Exit> settle(const MessageArgs& args, MessageSettlement how, const char* what) {
    const auto device = device_argument(args.device);
    if (!device) return fail(device.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto settled = client->settle_message(*device, args.lock, how); !settled) {
        return fail(std::move(settled).error());
    }
    if (!is_quiet()) std::cerr << "message " << what << "\n";
    return Exit::ok;
}

Result<Exit> complete(const MessageArgs& args) {
    return settle(args, MessageSettlement::complete, "completed");
}
Result<Exit> abandon(const MessageArgs& args) {
    return settle(args, MessageSettlement::abandon, "abandoned");
}
Result<Exit> reject(const MessageArgs& args) {
    return settle(args, MessageSettlement::reject, "rejected");
}

void add_settling_verb(CLI::App& group, const char* name, const char* description,
                       Result<Exit> (*run)(const MessageArgs&), int& exit_code) {
    auto args = std::make_shared<MessageArgs>();
    auto& verb = add_hub_verb(group, name, description, args, run, exit_code);
    add_device_flag(verb, args->device);
    verb.add_option("--etag,-e", args->lock, "The etag that `c2d receive` printed")->required();
}

}  // namespace

void add_c2d(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("c2d", "Cloud-to-device messages");
    group.require_subcommand(1);

    auto args = std::make_shared<MessageArgs>();
    auto& send_verb = add_hub_verb(group, "send", "Queue a message for a device", args, send, exit_code);
    add_device_flag(send_verb, args->device);
    add_module_flag(send_verb, args->module, Needed::no);
    add_message_flags(send_verb, args->order);

    args = std::make_shared<MessageArgs>();
    auto& receive_verb = add_hub_verb(
        group, "receive", "Receive the oldest message of a device, as the device", args, receive, exit_code);
    add_device_flag(receive_verb, args->device);
    receive_verb
        .add_option("--lock-timeout,--lt", args->lock_s,
                    "Seconds for which the message stays locked, 5 to 300 [60]")
        ->check(whole_number(5, 300, "seconds"));
    auto* completes = receive_verb.add_flag("--complete", args->completes, "Complete it once it is printed");
    auto* abandons = receive_verb.add_flag("--abandon", args->abandons, "Give it back once it is printed");
    auto* rejects = receive_verb.add_flag("--reject", args->rejects, "Reject it once it is printed");
    abandons->excludes(completes);
    rejects->excludes(completes)->excludes(abandons);

    add_settling_verb(group, "complete", "Complete a message that was received", complete, exit_code);
    add_settling_verb(group, "abandon", "Give a message back, to be received again", abandon, exit_code);
    add_settling_verb(group, "reject", "Reject a message that was received", reject, exit_code);

    args = std::make_shared<MessageArgs>();
    auto& purge_verb =
        add_hub_verb(group, "purge", "Remove all messages of a device", args, purge, exit_code);
    add_device_flag(purge_verb, args->device);
}

}  // namespace carillon
