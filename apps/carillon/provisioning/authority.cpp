// carillon enrollment-authority: the authorities that enrollments name, so that they need not hold
// certificates.

#include "base/json.hpp"
#include "base/text.hpp"
#include "json_text.hpp"
#include "provisioning/authority_commands.hpp"
#include "provisioning/certificate_file.hpp"
#include "provisioning/enrollment_verbs.hpp"
#include "talk.hpp"

#include <CLI/App.hpp>
#include <iostream>
#include <memory>
#include <string>

namespace carillon {

namespace {

struct AuthorityArgs {
    HubFlags hub;
    std::string name;
    std::string file;
    bool yes = false;
};

constexpr std::string_view authorities_path = "/carillon/enrollmentAuthorities";

std::string authority_path(const std::string& name) {
    return std::string(authorities_path) + "/" + percent_encode(name);
}

Result<Exit> list_authorities(const AuthorityArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::vector<Column> columns{{"name", "name"},
                                      {"subjectName", "subjectName"},
                                      {"notAfterUtc", "notAfterUtc"},
                                      {"sha256Thumbprint", "sha256Thumbprint"}};
    return show_pages(args.hub, columns, 0, [&](const std::string&) {
        return client->send_for_page({.method = "GET", .target = authorities_path}, 0, {});
    });
}

Result<Exit> show_authority(const AuthorityArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto found = client->send({.method = "GET", .target = authority_path(args.name)});
    if (!found) return fail(found.error());
    return show_document(args.hub, *found);
}

Result<Exit> create_authority(const AuthorityArgs& args) {
    std::string certificate;
    if (auto read = read_certificate_file("--path", args.file, certificate); !read)
        return fail(std::move(read).error());
    std::string body;
    JsonWriter(body).begin_object().member("certificate", certificate).end_object();
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto made = client->send({.method = "PUT", .target = authority_path(args.name), .body = body});
    if (!made) return fail(made.error());
    return show_document(args.hub, *made);
}

Result<Exit> remove_authority(const AuthorityArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (!args.yes && !args.hub.only_shows &&
        !is_confirmed("Delete the authority " + args.name +
                      "? Devices with its certificates cannot register."))
        return Exit::failed;
    auto gone = client->send({.method = "DELETE", .target = authority_path(args.name), .body = {}});
    if (!gone) return fail(std::move(gone).error());
    std::cerr << "authority " << args.name << " deleted\n";
    return Exit::ok;
}

void add_authority_name(CLI::App& verb, AuthorityArgs& args) {
    verb.add_option("authority,--certificate-name,--cn", args.name, "Name of the authority")
        ->required()
        ->type_name("NAME");
}

}  // namespace

void add_enrollment_authority(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand(
        "enrollment-authority", "Authorities whose certificates enrollments name, instead of holding them");
    group.require_subcommand(1);
    add_hub_verb(group, "list", "List the authorities", std::make_shared<AuthorityArgs>(), list_authorities,
                 exit_code);

    auto args = std::make_shared<AuthorityArgs>();
    add_authority_name(add_hub_verb(group, "show", "Print an authority with its certificate", args,
                                    show_authority, exit_code),
                       *args);

    args = std::make_shared<AuthorityArgs>();
    auto& create_verb = add_hub_verb(group, "create", "Keep an authority's certificate, or replace it", args,
                                     create_authority, exit_code);
    add_authority_name(create_verb, *args);
    create_verb.add_option("--path,-p", args->file, "PEM file of its certificate")
        ->required()
        ->type_name("FILE");

    args = std::make_shared<AuthorityArgs>();
    auto& delete_verb = add_hub_verb(group, "delete", "Delete an authority that no group names", args,
                                     remove_authority, exit_code);
    add_authority_name(delete_verb, *args);
    add_yes_flag(delete_verb, args->yes);
}

}  // namespace carillon
