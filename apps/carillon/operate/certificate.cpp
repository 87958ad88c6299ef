// carillon certificate: the authorities that sign device certificates, and the proof of possession of their
// keys. In the words of `az iot hub certificate`.

#include "base/json.hpp"
#include "base/text.hpp"
#include "hub_flags.hpp"
#include "operate/operator_commands.hpp"
#include "provisioning/certificate_file.hpp"
#include "talk.hpp"

#include <CLI/App.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace carillon {

namespace {

struct CertificateArgs {
    HubFlags hub;
    std::string name;
    std::string file;
    std::string etag = "*";
    bool is_verified = false;
    bool yes = false;
};

std::string certificate_path(const std::string& name, std::string_view operation = {}) {
    std::string path = "/certificates/" + percent_encode(name);
    if (!operation.empty()) path.append("/").append(operation);
    return path;
}

Result<Exit> list_hub_certificates(const CertificateArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const auto answer = client->send({.method = "GET", .target = "/certificates"});
    if (!answer) return fail(answer.error());
    const auto body = JsonDocument::parse(*answer);
    if (!body) return fail(Errc::malformed_packet, "the hub's answer is not JSON");
    RowsOut rows(args.hub, {{"name", "name"},
                            {"isVerified", "properties.isVerified"},
                            {"subject", "properties.subject"},
                            {"expiry", "properties.expiry"},
                            {"thumbprint", "properties.thumbprint"}});
    std::vector<std::string> items;
    for (JsonValue one = body->root().find("value").first(); one.exists(); one = one.next()) {
        items.emplace_back(one.raw());
    }
    rows.print(std::move(items), 0);
    rows.finish();
    return Exit::ok;
}

Result<Exit> send_for_certificate(const CertificateArgs& args, std::string_view method,
                                  std::string_view operation, const std::string& body) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    const std::string path = certificate_path(args.name, operation);
    const auto answer =
        client->send({.method = method, .target = path, .body = body}, method == "GET" ? "" : args.etag);
    if (!answer) return fail(answer.error());
    return show_document(args.hub, *answer);
}

Result<Exit> show_certificate(const CertificateArgs& args) {
    return send_for_certificate(args, "GET", {}, {});
}

Result<Exit> create_certificate(const CertificateArgs& args) {
    std::string certificate;
    if (auto read = read_certificate_file("--path", args.file, certificate); !read)
        return fail(std::move(read).error());
    std::string body;
    JsonWriter json(body);
    json.begin_object().key("properties").begin_object().member("certificate", certificate);
    json.member("isVerified", args.is_verified).end_object().end_object();
    return send_for_certificate(args, "PUT", {}, body);
}

Result<Exit> delete_hub_certificate(const CertificateArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    if (!args.yes && !args.hub.only_shows &&
        !is_confirmed("Delete the authority " + args.name + "? Its devices cannot connect any more."))
        return Exit::failed;
    const std::string path = certificate_path(args.name);
    auto gone = client->send({.method = "DELETE", .target = path, .body = {}}, args.etag);
    if (!gone) return fail(std::move(gone).error());
    std::cerr << "certificate " << args.name << " deleted\n";
    return Exit::ok;
}

Result<Exit> generate_code(const CertificateArgs& args) {
    return send_for_certificate(args, "POST", "generateVerificationCode", {});
}

Result<Exit> verify_certificate_file(const CertificateArgs& args) {
    std::string certificate;
    if (auto read = read_certificate_file("--path", args.file, certificate); !read)
        return fail(std::move(read).error());
    std::string body;
    JsonWriter(body).begin_object().member("certificate", certificate).end_object();
    return send_for_certificate(args, "POST", "verify", body);
}

void add_certificate_name(CLI::App& verb, CertificateArgs& args) {
    verb.add_option("certificate,-n,--name", args.name, "Name of the certificate")
        ->required()
        ->type_name("NAME");
}

void add_certificate_etag(CLI::App& verb, CertificateArgs& args) {
    verb.add_option("--etag,-e", args.etag, "Only if this is its etag [any]");
}

void add_certificate_path(CLI::App& verb, CertificateArgs& args, const char* help) {
    verb.add_option("--path,-p", args.file, help)->required()->type_name("FILE");
}

}  // namespace

void add_certificate(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand(
        "certificate",
        "Authorities that sign device certificates, and the proof of possession of their keys");
    group.require_subcommand(1);
    add_hub_verb(group, "list", "List the certificates", std::make_shared<CertificateArgs>(),
                 list_hub_certificates, exit_code);

    auto args = std::make_shared<CertificateArgs>();
    add_certificate_name(
        add_hub_verb(group, "show", "Print a certificate", args, show_certificate, exit_code), *args);

    args = std::make_shared<CertificateArgs>();
    auto& create_verb = add_hub_verb(group, "create", "Keep an authority's certificate, or replace it", args,
                                     create_certificate, exit_code);
    add_certificate_name(create_verb, *args);
    add_certificate_path(create_verb, *args, "PEM file of its certificate");
    add_certificate_etag(create_verb, *args);
    create_verb.add_flag("--verified,-v", args->is_verified,
                         "Believe devices by it at once, without proof of possession");

    args = std::make_shared<CertificateArgs>();
    auto& code_verb = add_hub_verb(group, "generate-verification-code",
                                   "Make the code that the proof of possession must have as its common name",
                                   args, generate_code, exit_code);
    add_certificate_name(code_verb, *args);
    add_certificate_etag(code_verb, *args);

    args = std::make_shared<CertificateArgs>();
    auto& verify_verb = add_hub_verb(group, "verify", "Prove possession of the authority's key", args,
                                     verify_certificate_file, exit_code);
    add_certificate_name(verify_verb, *args);
    add_certificate_path(
        verify_verb, *args,
        "PEM file of a certificate with the code as its common name, signed by the authority");
    add_certificate_etag(verify_verb, *args);

    args = std::make_shared<CertificateArgs>();
    auto& delete_verb =
        add_hub_verb(group, "delete", "Delete a certificate", args, delete_hub_certificate, exit_code);
    add_certificate_name(delete_verb, *args);
    add_certificate_etag(delete_verb, *args);
    add_yes_flag(delete_verb, args->yes);
}

}  // namespace carillon
