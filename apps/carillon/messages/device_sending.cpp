// carillon device send, device upload-file: what a device sends, in its place.

#include "messages/device_sending.hpp"

#include "base/json.hpp"
#include "carillon/file_transfer.hpp"
#include "hub_flags.hpp"
#include "message_request.hpp"
#include "talk.hpp"
#include "wire/sas/connection_string.hpp"

#include <CLI/App.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

namespace carillon {
namespace {

struct SendingArgs {
    HubFlags hub;
    std::string device;
    MessageOrder order;
    std::string file;
    std::string name;
};

Result<Exit> send_event(const SendingArgs& args) {
    const auto device = device_argument(args.device);
    if (!device) return fail(device.error());
    const auto message = read_message_order(args.order);
    if (!message) return fail(message.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto sent = client->send_event(*device, *message); !sent) return fail(std::move(sent).error());
    if (!is_quiet()) std::cerr << "message of " << device->str() << " stored\n";
    return Exit::ok;
}

/// What the device logs in with: its own key, or its certificate, which is not at hand.
Result<DeviceOptions> device_login(const ServiceOptions& hub, ServiceClient& client, const DeviceId& device) {
    auto login = sas::parse_connection_string(hub.connection_string);
    if (!login) return fail(std::move(login).error());
    const auto shown = client.find_device(device);
    if (!shown) return fail(shown.error());
    const auto document = JsonDocument::parse(*shown);
    if (!document) return fail(Errc::malformed_packet, "the hub's answer is not JSON");
    const JsonValue key = document->root().find("authentication").find("symmetricKey").find("primaryKey");
    if (!key.is_string())
        return fail(Errc::argument_invalid, "the device has no key: it has to send its files itself");
    sas::ConnectionString own;
    own.host_name = login->host_name;
    own.device_id = device.str();
    own.key = key.string();
    DeviceOptions options;
    options.connection_string = sas::to_text(own);
    options.ca_file = hub.ca_file;
    options.address = hub.address;
    options.transport = DeviceTransport::mqtt_websocket;  // By the port of HTTPS.
    options.port = hub.port;
    return options;
}

Result<Exit> upload(const SendingArgs& args) {
    const auto device = device_argument(args.device);
    if (!device) return fail(device.error());
    const auto hub = hub_options(args.hub);
    if (!hub) return fail(hub.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto login = device_login(*hub, *client, *device);
    if (!login) return fail(login.error());
    const std::string name =
        args.name.empty() ? std::filesystem::path(args.file).filename().string() : args.name;
    if (args.hub.only_shows) {
        std::cerr << args.file << " would be uploaded as " << name << "\n";
        return Exit::ok;
    }
    if (auto sent = upload_file(*login, name, args.file); !sent) return fail(std::move(sent).error());
    if (!is_quiet()) std::cerr << args.file << " uploaded as " << name << "\n";
    return Exit::ok;
}

}  // namespace

void add_device_sending(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<SendingArgs>();
    auto& send_verb = *group.add_subcommand("send", "Send a message to the hub, as the device");
    add_hub_flags(send_verb, args->hub);
    add_device_flag(send_verb, args->device);
    add_content_flags(send_verb, args->order);
    on_chosen(send_verb, args, send_event, exit_code);

    args = std::make_shared<SendingArgs>();
    auto& upload_verb = *group.add_subcommand("upload-file", "Upload a file to the hub, as the device");
    add_hub_flags(upload_verb, args->hub);
    add_device_flag(upload_verb, args->device);
    upload_verb.add_option("--file-path,--fp", args->file, "The file")->required()->type_name("FILE");
    upload_verb
        .add_option("--name", args->name, "What the hub calls it, with slashes if you like [its own name]")
        ->type_name("NAME");
    on_chosen(upload_verb, args, upload, exit_code);
}

}  // namespace carillon
