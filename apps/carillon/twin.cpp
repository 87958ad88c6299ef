// carillon twin: the twins of devices and modules.

#include "hub_flags.hpp"
#include "json_text.hpp"

namespace carillon {

namespace {

struct TwinArgs {
    HubFlags hub;
    std::string device;
    std::string module;
    std::string desired;
    std::string tags;
    std::string json;
    std::string etag;
};

std::string_view etag_of(const TwinArgs& args) {
    return args.etag.empty() ? "*" : std::string_view(args.etag);
}

/// The document that `--json`, or `--tags` and `--desired`, describe.
Result<std::string> twin_document(const TwinArgs& args) {
    const bool in_parts = !args.desired.empty() || !args.tags.empty();
    if (in_parts != args.json.empty()) {
        return fail_usage("give --tags and --desired, or the whole document as --json");
    }
    if (!in_parts) return read_json_argument("--json", args.json);
    std::string body;
    JsonWriter json(body);
    json.begin_object();
    if (!args.tags.empty()) {
        const auto tags = read_json_argument("--tags", args.tags);
        if (!tags) return fail(tags.error());
        json.member_raw("tags", *tags);
    }
    if (!args.desired.empty()) {
        const auto desired = read_json_argument("--desired", args.desired);
        if (!desired) return fail(desired.error());
        json.key("properties").begin_object().member_raw("desired", *desired).end_object();
    }
    json.end_object();
    return body;
}

Result<Exit> show(const TwinArgs& args) {
    const auto target = target_argument(args.device, args.module);
    if (!target) return fail(target.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto twin = client->find_twin(*target);
    if (!twin) return fail(twin.error());
    return show_document(args.hub, *twin);
}

Result<Exit> update(const TwinArgs& args) {
    const auto target = target_argument(args.device, args.module);
    if (!target) return fail(target.error());
    const auto patch = twin_document(args);
    if (!patch) return fail(patch.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto twin = client->update_twin(*target, *patch, etag_of(args));
    if (!twin) return fail(twin.error());
    return show_document(args.hub, *twin);
}

Result<Exit> replace(const TwinArgs& args) {
    const auto target = target_argument(args.device, args.module);
    if (!target) return fail(target.error());
    const auto document = twin_document(args);
    if (!document) return fail(document.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto twin = client->replace_twin(*target, *document, etag_of(args));
    if (!twin) return fail(twin.error());
    return show_document(args.hub, *twin);
}

std::shared_ptr<TwinArgs> add_verb(CLI::App& group, const char* name, const char* description,
                                   Result<Exit> (*run)(const TwinArgs&), Needed module, bool writes,
                                   int& exit_code) {
    auto args = std::make_shared<TwinArgs>();
    auto& verb = *group.add_subcommand(name, description);
    add_device_flag(verb, args->device);
    add_module_flag(verb, args->module, module);
    if (writes) {
        verb.add_option("--desired", args->desired,
                        "Desired properties as JSON, @FILE or - for standard input");
        verb.add_option("--tags", args->tags, "Tags, likewise");
        verb.add_option("-j,--json", args->json, "Both, as {\"tags\":{…},\"properties\":{\"desired\":{…}}}");
        verb.add_option("--etag,-e", args->etag, "Only if the twin still has this etag [any]");
    }
    add_hub_flags(verb, args->hub);
    on_chosen(verb, args, run, exit_code);
    return args;
}

}  // namespace

void add_twin_group(CLI::App& app, const char* description, Needed module, int& exit_code) {
    auto& group = *app.add_subcommand("twin", description);
    group.require_subcommand(1);
    add_verb(group, "show", "Print a twin", show, module, false, exit_code);
    add_verb(group, "update", "Merge into a twin; null removes", update, module, true, exit_code);
    add_verb(group, "replace", "Replace tags and desired properties", replace, module, true, exit_code);
}

void add_twin(CLI::App& app, int& exit_code) {
    add_twin_group(app, "Twins: tags, desired and reported properties", Needed::no, exit_code);
}

}  // namespace carillon
