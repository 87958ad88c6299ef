// carillon endpoint: where routes send messages to. The words of `az iot hub message-endpoint`.

#include "base/text.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "routing/routing_commands.hpp"
#include "routing/routing_hub.hpp"
#include "routing/routing_request.hpp"
#include "server/private_file.hpp"
#include "talk.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

namespace carillon {

namespace {

struct EndpointArgs {
    HubFlags hub;
    std::string name;
    std::string secret_file;
    std::string certificate_file;
    std::string key_file;
    EndpointOrder order;
    bool yes = false;
};

Result<Exit> list_endpoints(const EndpointArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::vector<Column> columns{{"name", "name"},
                                      {"type", "type"},
                                      {"state", "status.state"},
                                      {"eventsBehind", "status.eventsBehind"},
                                      {"delivered", "status.delivered"},
                                      {"deadLetters", "status.deadLetters"},
                                      {"lastError", "status.lastError", 1}};
    return show_pages(args.hub, columns, 0,
                      [&](const std::string&) { return list_items(*client, endpoints_path); });
}

Result<Exit> show_endpoint(const EndpointArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto endpoint = find_item(*client, endpoints_path, args.name);
    if (!endpoint) return fail(endpoint.error());
    return show_document(args.hub, *endpoint);
}

/// The first line of a file, or of standard input for `-`; a credentials file of NATS whole. Fails with
/// `config_invalid`.
Result<std::string> read_secret(const std::string& file) {
    std::ifstream opened;
    if (file != "-") {
        opened.open(file);
        if (!opened) return fail_usage("--secret-file: cannot read " + file);
    }
    std::istream& input = file == "-" ? std::cin : opened;
    std::string text;
    std::getline(input, text);
    if (text.starts_with("-----BEGIN NATS USER JWT"))
        text += '\n' + std::string(std::istreambuf_iterator<char>(input), {});
    if (trimmed(text).empty())
        return fail_usage("--secret-file: " + file + " has no secret in its first line");
    return std::string(trimmed(text));
}

/// A certificate and its key, of two files or of one. Fails with `config_invalid`, `not_found_locally`.
Result<std::string> read_certificate(const std::string& certificate_file, const std::string& key_file) {
    if (certificate_file.empty()) return fail_usage("--client-key is for a --client-certificate");
    auto text = read_file(certificate_file);
    if (!text) return fail(std::move(text).error());
    if (key_file.empty()) return text;
    const auto key = read_file(key_file);
    if (!key) return fail(key.error());
    return *text + '\n' + *key;
}

Result<Exit> create_endpoint(const EndpointArgs& args) {
    EndpointOrder order = args.order;
    if (!args.secret_file.empty()) {
        auto secret = read_secret(args.secret_file);
        if (!secret) return fail(std::move(secret).error());
        order.secret = *std::move(secret);
    } else if (order.rotates) {
        return fail_usage("--rotate is for a new secret: give --secret-file");
    }
    if (!args.certificate_file.empty() || !args.key_file.empty()) {
        auto certificate = read_certificate(args.certificate_file, args.key_file);
        if (!certificate) return fail(std::move(certificate).error());
        order.client_certificate = *std::move(certificate);
    }
    const auto body = endpoint_json(order);
    if (!body) return fail(body.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto made = put_item(*client, endpoints_path, args.name, *body);
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> delete_endpoint(const EndpointArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::string question = "Delete endpoint " + args.name +
                                 "? Messages that wait for it are not sent, and a log of events is "
                                 "removed.";
    if (!args.yes && !args.hub.only_shows && !is_confirmed(question)) return Exit::failed;
    if (auto gone = delete_item(*client, endpoints_path, args.name); !gone)
        return fail(std::move(gone).error());
    std::cerr << "endpoint " << args.name << " deleted\n";
    return Exit::ok;
}

CLI::App& add_endpoint_verb(CLI::App& group, const char* name, const char* description,
                            const std::shared_ptr<EndpointArgs>& args,
                            Result<Exit> (*run)(const EndpointArgs&), int& exit_code) {
    auto& verb = *group.add_subcommand(name, description);
    add_hub_flags(verb, args->hub);
    if (run != list_endpoints) {
        verb.add_option("name,--endpoint-name,--en", args->name, "Name of the endpoint")
            ->required()
            ->type_name("NAME");
    }
    on_chosen(verb, args, run, exit_code);
    return verb;
}

void add_order_flags(CLI::App& verb, EndpointArgs& args) {
    EndpointOrder& order = args.order;
    verb.add_option("--kind", order.kind,
                    "webhook, file, nats, kafka, or events: a log of the hub's own, which Event Hubs clients "
                    "read under the endpoint's name [as --url or --container says]")
        ->check(CLI::IsMember({"webhook", "file", "nats", "kafka", "events"}))
        ->type_name("KIND");
    auto* url =
        verb.add_option("--url", order.url,
                        "Address of a webhook, which receives CloudEvents, or of a broker that the hub's "
                        "settings name: nats://HOST, tls://HOST (NATS), kafka://HOST or kafkas://HOST")
            ->type_name("URL");
    verb.add_option(
            "--container", order.container,
            "Where to write files of JSON lines: file:NAME for a directory of the hub, or the address of a "
            "blob container with its signature")
        ->type_name("URL")
        ->excludes(url);
    verb.add_option(
            "--secret-file", args.secret_file,
            "File with the secret that requests to a webhook are signed with, whsec_…, or with USER:PASSWORD "
            "for a broker, or a token, the seed of an nkey or the credentials of NATS; - for standard input")
        ->type_name("FILE");
    verb.add_flag("--rotate", order.rotates,
                  "With a new secret of a webhook: for 24 hours requests bear the signatures of both");
    verb.add_option("--mechanism", order.mechanism,
                    "How USER:PASSWORD logs in to Kafka: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 [PLAIN]")
        ->check(CLI::IsMember({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}))
        ->type_name("NAME");
    verb.add_option("--client-certificate", args.certificate_file,
                    "PEM file with the certificate that the hub shows a broker, those that vouch for it, and "
                    "perhaps its key")
        ->type_name("FILE");
    verb.add_option("--client-key", args.key_file, "PEM file with the certificate's key, not encrypted")
        ->type_name("FILE");
    verb.add_option("--subject", order.subject, "Subject of NATS [carillon.{endpoint}.{deviceId}]")
        ->type_name("SUBJECT");
    verb.add_option("--topic", order.topic, "Topic of Kafka")->type_name("TOPIC");
    verb.add_option("--path", order.path,
                    "Pattern of file names "
                    "[{endpoint}/{YYYY}/{MM}/{DD}/{HH}/{mm}-{partition}-{sequence}.ndjson]")
        ->type_name("PATTERN");
    verb.add_option("--retention", order.retention_s,
                    "Seconds for which a log of events keeps a message [86400]")
        ->check(whole_number(60, 365LL * 24 * 3600, "seconds"))
        ->type_name("S");
    verb.add_option("--retention-bytes", order.retention_bytes,
                    "Size of each partition of a log of events [1073741824]")
        ->check(whole_number(1024LL * 1024, 1LL << 50, "bytes"))
        ->type_name("BYTES");
    verb.add_option("--max-events", order.events_max,
                    "Maximum number of messages in a request or file [100, brokers and logs 1000, files "
                    "10000]")
        ->check(whole_number(1, 10'000, "events"))
        ->type_name("N");
    verb.add_option(
            "--max-bytes", order.bytes_max,
            "Size in bytes from which a request or file takes no more messages [262144, files 1048576]")
        ->check(whole_number(1024, 4 * 1024 * 1024, "bytes"))
        ->type_name("BYTES");
    verb.add_option("--max-wait", order.wait_s, "Seconds for which a message waits for others [0, files 60]")
        ->check(whole_number(0, 3600, "seconds"))
        ->type_name("S");
    verb.add_option("--max-attempts", order.attempts_max,
                    "How often a webhook may refuse a message before it becomes a dead letter [10]")
        ->check(whole_number(1, 100, "attempts"))
        ->type_name("N");
    verb.add_option("--enrichment", order.enrichments,
                    "NAME=VALUE, a property to add: text, $twin.tags.…, $twin.properties.… or $iothubname; "
                    "repeatable")
        ->type_name("NAME=VALUE");
    verb.add_option("--jobs", order.jobs,
                    "Of events of jobs: of all jobs, or of those named by `job create --notify` [all]")
        ->check(CLI::IsMember({"all", "named"}))
        ->type_name("WHICH");
    verb.add_option("--start", order.start,
                    "Where a new endpoint starts to read: latest or earliest [latest]")
        ->check(CLI::IsMember({"latest", "earliest"}))
        ->type_name("PLACE");
}

}  // namespace

void add_endpoint(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("endpoint", "Endpoints: where routes send messages to");
    group.require_subcommand(1);
    auto args = std::make_shared<EndpointArgs>();
    add_order_flags(
        add_endpoint_verb(group, "create", "Create an endpoint, or change what is given of an existing one",
                          args, create_endpoint, exit_code),
        *args);
    add_endpoint_verb(group, "list", "List the endpoints with their state and how far they are behind",
                      std::make_shared<EndpointArgs>(), list_endpoints, exit_code);
    add_endpoint_verb(group, "show", "Print an endpoint with its state, its lag and its last error",
                      std::make_shared<EndpointArgs>(), show_endpoint, exit_code);
    args = std::make_shared<EndpointArgs>();
    add_yes_flag(add_endpoint_verb(group, "delete", "Delete an endpoint that no route leads to", args,
                                   delete_endpoint, exit_code),
                 args->yes);
}

}  // namespace carillon
