// carillon enrollment registration, carillon enrollment-group registration: the records of devices that have
// registered; and the keys by which those of a group do.

#include "base/json.hpp"
#include "flag_checks.hpp"
#include "json_text.hpp"
#include "model/enrollment.hpp"
#include "provisioning/enrollment_verbs.hpp"
#include "talk.hpp"

#include <iostream>

namespace carillon {

namespace {

struct RegistrationArgs {
    HubFlags hub;
    std::string id;
    std::string etag;
    std::size_t top = 0;
    bool yes = false;
};

struct KeyArgs {
    HubFlags hub;
    std::string group;
    std::string registration;
    std::string key;
};

Result<Exit> list(const RegistrationArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::vector<Column> columns{{"registrationId", "registrationId"},
                                      {"status", "status"},
                                      {"deviceId", "deviceId"},
                                      {"assignedHub", "assignedHub"},
                                      {"lastUpdatedDateTimeUtc", "lastUpdatedDateTimeUtc"}};
    return show_pages(args.hub, columns, args.top, [&](const std::string& continuation) {
        return Enrollments(*client).list_registrations(args.id, 0, continuation);
    });
}

Result<Exit> show(const RegistrationArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto found = Enrollments(*client).find_registration(args.id);
    if (!found) return fail(found.error());
    return show_document(args.hub, *found);
}

Result<Exit> remove(const RegistrationArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (!args.yes && !args.hub.only_shows &&
        !is_confirmed("Delete the record of registration " + args.id + "? Its device stays."))
        return Exit::failed;
    auto gone = Enrollments(*client).remove_registration(args.id, args.etag.empty() ? "*" : args.etag);
    if (!gone) return fail(std::move(gone).error());
    std::cerr << "registration " << args.id << " deleted\n";
    return Exit::ok;
}

/// The primary key of the group, unless it was given.
Result<std::string> group_key(const KeyArgs& args) {
    if (!args.key.empty()) return args.key;
    if (args.group.empty()) return fail_usage("give --enrollment-id, or the group's key as --symmetric-key");
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto attestation = Enrollments(*client).attestation(Enrollments::Kind::group, args.group);
    if (!attestation) return attestation;
    const auto document = JsonDocument::parse(*attestation);
    if (!document) return fail(document.error());
    const auto key = find_path(document->root(), "symmetricKey.primaryKey").string();
    if (key.empty()) return fail_usage("the group has no keys: its devices have certificates");
    return std::string(key);
}

Result<Exit> compute_device_key(const KeyArgs& args) {
    const auto key = group_key(args);
    if (!key) return fail(key.error());
    const std::string derived = derived_device_key(*key, args.registration);
    if (derived.empty()) return fail_usage("--symmetric-key is not base64");
    if (args.hub.format == Format::automatic) {
        std::cout << derived << '\n';
        return Exit::ok;
    }
    std::string text;
    JsonWriter(text).begin_object().member("symmetricKey", derived).end_object();
    return show_document(args.hub, text);
}

void add_registration_id_flag(CLI::App& verb, Enrollments::Kind kind, std::string& id) {
    const bool is_group = kind == Enrollments::Kind::group;
    verb.add_option(is_group ? "registration,--registration-id,--rid" : "enrollment,--enrollment-id,--eid",
                    id, is_group ? "Id by which the device registered" : "Id of the enrollment")
        ->required()
        ->type_name("ID");
}

}  // namespace

void add_registration_group(CLI::App& group, Enrollments::Kind kind, int& exit_code) {
    auto& registration = *group.add_subcommand("registration", "Records of devices that have registered");
    registration.require_subcommand(1);
    if (kind == Enrollments::Kind::group) {
        auto args = std::make_shared<RegistrationArgs>();
        auto& list_verb =
            add_hub_verb(registration, "list", "List the records of a group", args, list, exit_code);
        add_enrollment_id_flag(list_verb, args->id);
        list_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());
    }
    auto args = std::make_shared<RegistrationArgs>();
    add_registration_id_flag(
        add_hub_verb(registration, "show", "Print a record: the device's hub and id", args, show, exit_code),
        kind, args->id);

    args = std::make_shared<RegistrationArgs>();
    auto& delete_verb =
        add_hub_verb(registration, "delete", "Delete a record; the device stays", args, remove, exit_code);
    add_registration_id_flag(delete_verb, kind, args->id);
    delete_verb.add_option("--etag,-e", args->etag, "Only if it still has this etag [any]");
    add_yes_flag(delete_verb, args->yes);
}

void add_compute_device_key(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<KeyArgs>();
    auto& verb = *group.add_subcommand("compute-device-key",
                                       "Print the key of one device of a group; with --symmetric-key "
                                       "without asking a hub");
    add_hub_flags(verb, args->hub);
    verb.add_option("--enrollment-id,--eid", args->group, "Id of the group")->type_name("ID");
    verb.add_option("--registration-id,--rid", args->registration, "Id by which the device registers")
        ->required()
        ->type_name("ID");
    verb.add_option("--symmetric-key,--key", args->key, "A key of the group [the hub's primary]");
    on_chosen(verb, args, compute_device_key, exit_code);
}

}  // namespace carillon
