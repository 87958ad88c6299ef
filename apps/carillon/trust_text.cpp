#include "trust_text.hpp"

#include <algorithm>

namespace carillon {

namespace {

/// One word of a shell, whatever is in it.
std::string plain_or_quoted(const std::string& text) {
    const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("/._-+").find(c) != std::string_view::npos;
    });
    if (is_plain) return text;
    std::string word = "'";
    for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + '\'';
}

/// A name for it in stores that have names: of the host name what any store takes.
std::string store_name(const std::string& host_name) {
    std::string name = "carillon-";
    for (const char c : host_name) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
        name += is_plain ? c : '-';
    }
    return name;
}

std::string java(const std::string& ca, const std::string& name) {
    const std::string store = name + ".p12";
    return "# Java trusts what is in a trust store: this makes one beside you, for the hub alone.\n"
           "keytool -importcert -noprompt -alias " +
           name + " -file " + ca + " -keystore " + store +
           " -storetype PKCS12 -storepass changeit\n"
           "# Then start programs with\n"
           "#   java -Djavax.net.ssl.trustStore=" +
           store +
           " -Djavax.net.ssl.trustStorePassword=changeit …\n"
           "# or give the clients an SSLContext made of it, as ClientOptions.builder().sslContext(…) and\n"
           "# ServiceClientOptions.builder().sslContext(…) take one.\n";
}

std::string system(const std::string& ca, const std::string& name) {
    return "# For every program of this machine; as root, such as by: carillon trust --lang system | sudo "
           "sh\n"
           "if command -v update-ca-certificates >/dev/null; then  # Debian and its kin\n"
           "  cp " +
           ca + " /usr/local/share/ca-certificates/" + name +
           ".crt && update-ca-certificates\n"
           "elif command -v update-ca-trust >/dev/null; then  # Fedora and its kin\n"
           "  cp " +
           ca + " /etc/pki/ca-trust/source/anchors/" + name +
           ".pem && update-ca-trust\n"
           "elif command -v security >/dev/null; then  # macOS\n"
           "  security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain " +
           ca +
           "\n"
           "else\n"
           "  echo 'this system keeps its authorities elsewhere' >&2; exit 1\n"
           "fi\n"
           "# Windows, in a prompt of its own: certutil -addstore Root ca.pem\n"
           "# Node.js reads the system's store only with an option: node --use-openssl-ca\n";
}

}  // namespace

const std::vector<std::string>& trust_languages() {
    static const std::vector<std::string> all{"node", "python", "c", "csharp", "java", "curl", "system"};
    return all;
}

std::string trust_text(std::string_view language, const std::string& ca_file, const std::string& host_name) {
    const std::string ca = plain_or_quoted(ca_file);
    const std::string name = store_name(host_name);
    if (language == "node") {
        return "# Node.js reads this once, when it starts; the SDKs need nothing else.\nexport "
               "NODE_EXTRA_CA_CERTS=" +
               ca + '\n';
    }
    if (language == "python") {
        return "# For azure-iot-device and all that speaks TLS by Python's ssl, and for azure-iot-hub, which "
               "is\n# built on requests. These replace the system's authorities.\nexport SSL_CERT_FILE=" +
               ca + "\nexport REQUESTS_CA_BUNDLE=" + ca +
               "\n# Or in the program: server_verification_cert=open(" + ca +
               ").read() for a device client.\n";
    }
    if (language == "c") {
        return "# Where the SDK is built with OpenSSL, this is enough:\nexport SSL_CERT_FILE=" + ca +
               "\n# Or in the program, with the text of that file:\n"
               "#   IoTHubDeviceClient_SetOption(client, OPTION_TRUSTED_CERT, text);\n"
               "# which a device with mbedTLS or wolfSSL needs in any case.\n";
    }
    if (language == "csharp") {
        return "# .NET on Linux reads what OpenSSL would; this replaces the system's authorities.\nexport "
               "SSL_CERT_FILE=" +
               ca +
               "\n# On Windows and macOS the authority goes into the store: carillon trust --lang system, "
               "or\n"
               "# new X509Store(StoreName.Root, StoreLocation.CurrentUser).Add(…) once, by a program of "
               "yours.\n";
    }
    if (language == "java") return java(ca, name);
    if (language == "curl") {
        return "# For curl; or each time: curl --cacert FILE\nexport CURL_CA_BUNDLE=" + ca + '\n';
    }
    return system(ca, name);
}

}  // namespace carillon
