// carillon configuration: automatic device management.

#include "configuration_request.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"
#include "talk.hpp"

#include <iostream>

namespace carillon {

namespace {

struct ConfigurationArgs {
    HubFlags hub;
    ConfigurationOrder order;
    std::string device;
    std::string etag;
    std::string metric;
    std::string metric_type = "user";
    std::size_t top = 0;
    bool yes = false;
};

/// The order with the JSON that its flags name.
Result<ConfigurationOrder> read_order(const ConfigurationArgs& args) {
    ConfigurationOrder order = args.order;
    for (auto [flag, text] : {std::pair{"--content", &order.content},
                              {"--labels", &order.labels},
                              {"--metrics", &order.metrics}}) {
        if (text->empty()) continue;
        auto json = read_json_argument(flag, *text);
        if (!json) return fail(std::move(json).error());
        *text = *std::move(json);
    }
    if (auto taken = take_sets(order); !taken) return fail(std::move(taken).error());
    return order;
}

Result<Exit> create(const ConfigurationArgs& args) {
    const auto order = read_order(args);
    if (!order) return fail(order.error());
    const auto body = new_configuration_json(*order);
    if (!body) return fail(body.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto made = client->put_configuration(order->id, *body);
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> show(const ConfigurationArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto configuration = client->find_configuration(args.order.id);
    if (!configuration) return fail(configuration.error());
    return show_document(args.hub, *configuration);
}

Result<Exit> list(const ConfigurationArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::vector<Column> columns{{"id", "id"},
                                      {"priority", "priority"},
                                      {"targetCondition", "targetCondition"},
                                      {"targeted", "systemMetrics.results.targetedCount"},
                                      {"applied", "systemMetrics.results.appliedCount"},
                                      {"lastUpdatedTimeUtc", "lastUpdatedTimeUtc"}};
    return show_pages(args.hub, columns, args.top,
                      [&](const std::string&) { return client->list_configurations(); });
}

Result<Exit> update(const ConfigurationArgs& args) {
    const auto order = read_order(args);
    if (!order) return fail(order.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto current = client->find_configuration(order->id);
    if (!current) return fail(current.error());
    const auto body = changed_configuration_json(*order, *current);
    if (!body) return fail(body.error());
    // What was read is what is replaced: a change in between is a conflict, not lost.
    std::string etag = args.etag;
    if (etag.empty()) {
        if (const auto document = JsonDocument::parse(*current))
            etag = document->root().find("etag").string();
    }
    const auto made = client->put_configuration(order->id, *body, etag);
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> remove(const ConfigurationArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (!args.yes && !args.hub.only_shows && !is_confirmed("Delete configuration " + args.order.id + "?")) {
        return Exit::failed;
    }
    const auto gone = client->delete_configuration(args.order.id, args.etag.empty() ? "*" : args.etag);
    if (!gone) return fail(gone.error());
    std::cerr << "configuration " << args.order.id << " deleted\n";
    return Exit::ok;
}

Result<Exit> show_metric(const ConfigurationArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto configuration = client->find_configuration(args.order.id);
    if (!configuration) return fail(configuration.error());
    const auto statement = metric_statement(*configuration, args.metric, args.metric_type == "system");
    if (!statement) return fail(statement.error());
    return show_pages(args.hub, {}, args.top, [&](const std::string& continuation) {
        return client->query(*statement, 0, continuation);
    });
}

Result<Exit> apply(const ConfigurationArgs& args) {
    const auto device = device_argument(args.device);
    if (!device) return fail(device.error());
    const auto content = read_json_argument("--content", args.order.content);
    if (!content) return fail(content.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (auto applied = client->apply_configuration_content(*device, *content); !applied) {
        return fail(std::move(applied).error());
    }
    std::cerr << "content applied to device " << args.device << '\n';
    return Exit::ok;
}

void add_id_flag(CLI::App& verb, ConfigurationArgs& args) {
    verb.add_option("configuration,--config-id,-c", args.order.id, "Id of the configuration")
        ->required()
        ->type_name("ID");
}

/// What may be changed later, too.
void add_order_flags(CLI::App& verb, ConfigurationOrder& order) {
    verb.add_option("--target-condition,--tc", order.target_condition,
                    "Which devices or modules, such as tags.site = '43'; \"*\" is all, none selects nothing");
    verb.add_option("--priority,--pri", order.priority,
                    "Of several configurations for one setting the highest wins [0]");
    verb.add_option("--labels,--lab", order.labels, "Object of labels as JSON, @FILE or -");
    verb.add_option("--metrics,-m", order.metrics,
                    "{\"queries\":{\"name\":\"SELECT …\"}} as JSON, @FILE or -");
}

void add_writing_verbs(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<ConfigurationArgs>();
    auto& create_verb = add_hub_verb(group, "create", "Create a configuration", args, create, exit_code);
    add_id_flag(create_verb, *args);
    create_verb
        .add_option("--content,-k", args->order.content,
                    "{\"deviceContent\":{\"properties.desired.…\":…}} or moduleContent as JSON, @FILE or -")
        ->required();
    add_order_flags(create_verb, args->order);

    args = std::make_shared<ConfigurationArgs>();
    auto& update_verb = add_hub_verb(group, "update", "Change a configuration; what is not named stays", args,
                                     update, exit_code);
    add_id_flag(update_verb, *args);
    add_order_flags(update_verb, args->order);
    update_verb.add_option("--set", args->order.sets,
                           "NAME=VALUE: targetCondition, priority, labels or metrics; repeatable");
    update_verb.add_option("--etag,-e", args->etag, "Only if it still has this etag [the one just read]");

    args = std::make_shared<ConfigurationArgs>();
    auto& delete_verb = add_hub_verb(group, "delete", "Delete a configuration; twins lose what it gave", args,
                                     remove, exit_code);
    add_id_flag(delete_verb, *args);
    delete_verb.add_option("--etag,-e", args->etag, "Only if it still has this etag [any]");
    add_yes_flag(delete_verb, args->yes);

    args = std::make_shared<ConfigurationArgs>();
    auto& apply_verb =
        add_hub_verb(group, "apply", "Give one edge device a content, once", args, apply, exit_code);
    add_device_flag(apply_verb, args->device);
    apply_verb
        .add_option("--content,-k", args->order.content,
                    "{\"modulesContent\":{\"module\":{\"properties.desired\":…}}} as JSON, @FILE or -")
        ->required();
}

}  // namespace

void add_configuration(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand(
        "configuration", "Configurations: desired properties for all devices that match, now and later");
    group.require_subcommand(1);
    add_writing_verbs(group, exit_code);

    auto args = std::make_shared<ConfigurationArgs>();
    add_id_flag(add_hub_verb(group, "show", "Print a configuration with its metrics", args, show, exit_code),
                *args);

    args = std::make_shared<ConfigurationArgs>();
    auto& list_verb = add_hub_verb(group, "list", "List the configurations", args, list, exit_code);
    list_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());

    args = std::make_shared<ConfigurationArgs>();
    auto& metric_verb = add_hub_verb(group, "show-metric", "List the devices or modules that a metric counts",
                                     args, show_metric, exit_code);
    add_id_flag(metric_verb, *args);
    metric_verb.add_option("--metric-id,-m", args->metric, "Name of the metric, such as appliedCount")
        ->required();
    metric_verb.add_option("--metric-type,--mt", args->metric_type, "user or system [user]")
        ->check(CLI::IsMember({"user", "system"}));
    metric_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());
}

}  // namespace carillon
