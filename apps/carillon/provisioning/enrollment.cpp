// carillon enrollment, carillon enrollment-group: who may register. The words of `az iot dps`.

#include "base/json.hpp"
#include "flag_checks.hpp"
#include "identity_flags.hpp"
#include "json_text.hpp"
#include "provisioning/certificate_file.hpp"
#include "provisioning/enrollment_request.hpp"
#include "provisioning/enrollment_verbs.hpp"
#include "talk.hpp"

#include <iostream>
#include <iterator>

namespace carillon {

namespace {

using EnrollmentKind = Enrollments::Kind;

struct EnrollmentArgs {
    HubFlags hub;
    EnrollmentOrder order;
    std::string certificate_file;
    std::string secondary_certificate_file;
    std::string etag;
    std::size_t top = 0;
    bool shows_keys = false;
    bool yes = false;
};

const char* name_of(EnrollmentKind kind) {
    return kind == EnrollmentKind::group ? "enrollment group " : "enrollment ";
}

/// The order with what its flags name.
Result<EnrollmentOrder> read_order(const EnrollmentArgs& args) {
    EnrollmentOrder order = args.order;
    for (auto [flag, text] : {std::pair{"--initial-twin-tags", &order.tags},
                              {"--initial-twin-properties", &order.desired},
                              {"--device-information", &order.device_information}}) {
        if (text->empty()) continue;
        auto json = read_json_argument(flag, *text);
        if (!json) return fail(std::move(json).error());
        *text = *std::move(json);
    }
    auto read = read_certificate_file("--certificate-path", args.certificate_file, order.certificate);
    if (!read) return fail(std::move(read).error());
    read = read_certificate_file("--secondary-certificate-path", args.secondary_certificate_file,
                                 order.secondary_certificate);
    if (!read) return fail(std::move(read).error());
    if (order.attestation.empty()) {
        const bool has_authority = !order.authority.empty() || !order.certificate.empty();
        order.attestation = has_authority ? "x509" : !order.endorsement_key.empty() ? "tpm" : "symmetrickey";
    }
    return order;
}

Result<Exit> create(const EnrollmentArgs& args) {
    const auto order = read_order(args);
    if (!order) return fail(order.error());
    const auto body = new_enrollment_json(*order);
    if (!body) return fail(body.error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto made = Enrollments(*client).put(order->kind, order->id, *body);
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> show(const EnrollmentArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    Enrollments enrollments(*client);
    auto found = enrollments.find(args.order.kind, args.order.id);
    if (!found) return fail(std::move(found).error());
    if (args.shows_keys) {
        const auto attestation = enrollments.attestation(args.order.kind, args.order.id);
        if (!attestation) return fail(attestation.error());
        found = with_attestation(*found, *attestation);
        if (!found) return fail(std::move(found).error());
    }
    return show_document(args.hub, *found);
}

Result<Exit> list(const EnrollmentArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const EnrollmentKind kind = args.order.kind;
    std::vector<Column> columns{{kind == EnrollmentKind::group ? "enrollmentGroupId" : "registrationId",
                                 kind == EnrollmentKind::group ? "enrollmentGroupId" : "registrationId"},
                                {"attestation", "attestation.type"},
                                {"status", "provisioningStatus"},
                                {"lastUpdatedDateTimeUtc", "lastUpdatedDateTimeUtc"}};
    if (kind == EnrollmentKind::individual) columns.push_back({"deviceId", "deviceId"});
    return show_pages(args.hub, std::move(columns), args.top, [&](const std::string& continuation) {
        return Enrollments(*client).list(kind, 0, continuation);
    });
}

/// Of two keys of which one is named, the other stays.
Result<> fill_keys(Enrollments& enrollments, EnrollmentOrder& order) {
    if (order.primary_key.empty() == order.secondary_key.empty()) return {};
    const auto attestation = enrollments.attestation(order.kind, order.id);
    if (!attestation) return fail(attestation.error());
    const auto document = JsonDocument::parse(*attestation);
    if (!document) return fail(document.error());
    const JsonValue keys = document->root().find("symmetricKey");
    if (order.primary_key.empty()) order.primary_key = keys.find("primaryKey").string();
    if (order.secondary_key.empty()) order.secondary_key = keys.find("secondaryKey").string();
    return {};
}

Result<Exit> update(const EnrollmentArgs& args) {
    auto order = read_order(args);
    if (!order) return fail(std::move(order).error());
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    Enrollments enrollments(*client);
    const auto current = enrollments.find(order->kind, order->id);
    if (!current) return fail(current.error());
    if (auto filled = fill_keys(enrollments, *order); !filled) return fail(std::move(filled).error());
    const auto body = changed_enrollment_json(*order, *current);
    if (!body) return fail(body.error());
    // What was read is what is replaced: a change in between is a conflict, not lost.
    const auto made = enrollments.put(order->kind, order->id, *body, etag_to_replace(args.etag, *current));
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> remove(const EnrollmentArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::string name = name_of(args.order.kind) + args.order.id;
    if (!args.yes && !args.hub.only_shows && !is_confirmed("Delete " + name + "? Its devices stay."))
        return Exit::failed;
    auto gone =
        Enrollments(*client).remove(args.order.kind, args.order.id, args.etag.empty() ? "*" : args.etag);
    if (!gone) return fail(std::move(gone).error());
    std::cerr << name << " deleted\n";
    return Exit::ok;
}

std::shared_ptr<EnrollmentArgs> args_of(EnrollmentKind kind) {
    auto args = std::make_shared<EnrollmentArgs>();
    args->order.kind = kind;
    return args;
}

void add_credential_flags(CLI::App& verb, EnrollmentArgs& args) {
    verb.add_option("--primary-key,--pk", args.order.primary_key,
                    "Base64 of 16 to 64 bytes [the hub makes one]");
    verb.add_option("--secondary-key,--sk", args.order.secondary_key, "Likewise");
    const bool is_group = args.order.kind == EnrollmentKind::group;
    verb.add_option("--certificate-path,--cp", args.certificate_file,
                    is_group ? "PEM file of the certificate that signs the devices' own"
                             : "PEM file of the device's certificate")
        ->type_name("FILE");
    verb.add_option("--secondary-certificate-path,--scp", args.secondary_certificate_file,
                    "PEM file of the next certificate")
        ->type_name("FILE");
    verb.add_option("--ca-name,--cn", args.order.authority,
                    "Instead of certificates: an authority of `enrollment-authority`, which signs them")
        ->type_name("NAME");
    verb.add_option("--secondary-ca-name,--scn", args.order.secondary_authority, "The next such authority")
        ->type_name("NAME");
    if (is_group) return;
    verb.add_option("--endorsement-key,--ek", args.order.endorsement_key,
                    "Of the device's TPM: a TPM2B_PUBLIC in base64");
    verb.add_option("--storage-root-key,--srk", args.order.storage_root_key,
                    "Likewise; kept for who reads it");
}

/// What may be changed later, too.
void add_setting_flags(CLI::App& verb, EnrollmentOrder& order) {
    if (order.kind == EnrollmentKind::individual) {
        verb.add_option("--device-id", order.device_id, "Id of the device in the hub [the enrollment's]")
            ->type_name("DEVICE");
        verb.add_option("--device-information,--info", order.device_information,
                        "Object of your own as JSON, @FILE or -");
    }
    verb.add_option("--initial-twin-tags,--tags", order.tags,
                    "Tags of a new device's twin as JSON, @FILE or -");
    verb.add_option("--initial-twin-properties,--props", order.desired,
                    "Its desired properties as JSON, @FILE or -");
    verb.add_option("--edge-enabled,--ee", order.iot_edge, "true for devices of IoT Edge")->type_name("BOOL");
    verb.add_option("--provisioning-status,--ps", order.status, "enabled or disabled")
        ->check(one_of({"enabled", "disabled"}));
    verb.add_option("--reprovision-policy,--rp", order.reprovision_policy,
                    "What happens when a device registers again: reprovisionandmigratedata, "
                    "reprovisionandresetdata or never")
        ->check(one_of({"reprovisionandmigratedata", "reprovisionandresetdata", "never"}));
    verb.add_option("--allocation-policy,--ap", order.allocation_policy,
                    "hashed, geolatency, static or custom")
        ->check(one_of({"hashed", "geolatency", "static", "custom"}));
    auto& webhook = *verb.add_option("--webhook-url,--wh", order.webhook_url,
                                     "Of custom: the webhook that is asked where a device belongs");
    webhook.type_name("URL");
    verb.add_option("--api-version,--av", order.webhook_version, "Of custom: kept with the webhook")
        ->type_name("TEXT")
        ->needs(&webhook);
    verb.add_option("--iot-hubs,--ih", order.hubs, "Host name of a hub to assign to; repeatable")
        ->type_name("HOST");
}

void add_etag_flag(CLI::App& verb, std::string& etag, const char* otherwise) {
    verb.add_option("--etag,-e", etag, std::string("Only if it still has this etag [") + otherwise + "]");
}

void add_verbs(CLI::App& group, EnrollmentKind kind, const std::string& one, int& exit_code) {
    auto args = args_of(kind);
    auto& create_verb =
        add_hub_verb(group, "create", "Create " + one + "; prints its keys", args, create, exit_code);
    add_enrollment_id_flag(create_verb, args->order.id);
    std::vector<std::string> types{"symmetrickey", "x509"};
    if (kind == EnrollmentKind::individual) types.emplace_back("tpm");
    create_verb
        .add_option(
            "--attestation-type,--at", args->order.attestation,
            kind == EnrollmentKind::group
                ? "How a device proves itself: symmetrickey or x509 [as what else is given says]"
                : "How a device proves itself: symmetrickey, x509 or tpm [as what else is given says]")
        ->check(one_of(types));
    add_credential_flags(create_verb, *args);
    add_setting_flags(create_verb, args->order);

    args = args_of(kind);
    auto& show_verb = add_hub_verb(group, "show", "Print " + one, args, show, exit_code);
    add_enrollment_id_flag(show_verb, args->order.id);
    show_verb.add_flag("--show-keys,--keys", args->shows_keys, "With its keys");

    args = args_of(kind);
    auto& list_verb = add_hub_verb(group, "list", "List all, without keys", args, list, exit_code);
    list_verb.add_option("--top", args->top, "Maximum number of rows [all]")->check(at_least_one());

    args = args_of(kind);
    auto& update_verb =
        add_hub_verb(group, "update", "Change " + one + "; what is not named stays", args, update, exit_code);
    add_enrollment_id_flag(update_verb, args->order.id);
    add_credential_flags(update_verb, *args);
    add_setting_flags(update_verb, args->order);
    add_etag_flag(update_verb, args->etag, "the one just read");

    args = args_of(kind);
    auto& delete_verb =
        add_hub_verb(group, "delete", "Delete " + one + "; its devices stay", args, remove, exit_code);
    add_enrollment_id_flag(delete_verb, args->order.id);
    add_etag_flag(delete_verb, args->etag, "any");
    add_yes_flag(delete_verb, args->yes);
    add_registration_group(group, kind, exit_code);
}

}  // namespace

void add_enrollment_id_flag(CLI::App& verb, std::string& id) {
    verb.add_option("enrollment,--enrollment-id,--eid", id, "Id of the enrollment")
        ->required()
        ->type_name("ID");
}

void add_enrollment(CLI::App& app, int& exit_code) {
    auto& group =
        *app.add_subcommand("enrollment", "Devices that may register by a key or certificate of their own");
    group.require_subcommand(1);
    add_verbs(group, EnrollmentKind::individual, "an individual enrollment", exit_code);
    add_enrollment_import(group, exit_code);
    add_enrollment_export(group, exit_code);
}

void add_enrollment_group(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("enrollment-group", "Groups of devices that may register");
    group.require_subcommand(1);
    add_verbs(group, EnrollmentKind::group, "an enrollment group", exit_code);
    add_compute_device_key(group, exit_code);
}

}  // namespace carillon
