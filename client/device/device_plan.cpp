#include "device/device_plan.hpp"

#include "base/text.hpp"
#include "wire/sas/sas_token.hpp"

namespace carillon::client {

namespace {

/// What a keep-alive may be: a hub looks after 1.5 times as long, and never longer than 29.45 minutes.
/// Source: IoT Hub docs, "Communicate with your IoT hub using the MQTT protocol", default keep-alive.
constexpr std::chrono::seconds keep_alive_max{1177};

/// The part of a host name before a port, which belongs to nobody's token.
std::string without_port(const std::string& host) {
    return std::string(split(host, ':')[0]);
}

tl::unexpected<Error> invalid(const char* what) {
    return fail(Errc::argument_invalid, what);
}

}  // namespace

Result<DevicePlan> DevicePlan::make(const DeviceOptions& options) {
    auto parts = sas::parse_connection_string(options.connection_string);
    if (!parts) return fail(std::move(parts).error());
    if (parts->device_id.empty()) return invalid("the connection string names no device: DeviceId is needed");
    auto identity = IdentityKey::parse(parts->device_id, parts->module_id);
    if (!identity) return fail(std::move(identity).error());
    const bool has_files = !options.certificate_file.empty() && !options.key_file.empty();
    const bool has_any_file = !options.certificate_file.empty() || !options.key_file.empty();
    if (parts->x509 != has_files || has_files != has_any_file) {
        return invalid("x509=true in the connection string, a certificate file and a key file go together");
    }
    if (options.keep_alive < std::chrono::seconds(1) || options.keep_alive > keep_alive_max) {
        return invalid("keep_alive is 1 to 1177 seconds");
    }
    if (options.token_lifetime < std::chrono::seconds(1))
        return invalid("token_lifetime is at least a second");
    parts->host_name = without_port(parts->host_name);
    parts->gateway_host_name = without_port(parts->gateway_host_name);
    return DevicePlan(*std::move(parts), *std::move(identity));
}

AgentSettings DevicePlan::agent_settings(const DeviceOptions& options) const {
    AgentSettings settings{.identity = identity_, .host_name = parts_.host_name};
    settings.model_id = options.model_id;
    settings.transport = options.transport;
    settings.keep_alive_s = static_cast<std::uint16_t>(options.keep_alive.count());
    settings.token_lifetime = options.token_lifetime;
    settings.renews_token = !parts_.key.empty();
    settings.retry = options.retry;
    settings.operation_timeout = options.operation_timeout;
    return settings;
}

TlsSettings DevicePlan::tls_settings(const DeviceOptions& options) const {
    return {.ca_file = options.ca_file,
            .certificate_file = options.certificate_file,
            .key_file = options.key_file};
}

const std::string& DevicePlan::server_name() const {
    return parts_.gateway_host_name.empty() ? parts_.host_name : parts_.gateway_host_name;
}

std::string DevicePlan::token(WallTime now, std::chrono::seconds lifetime) const {
    if (parts_.key.empty()) return parts_.signature;
    std::string resource = parts_.host_name + "/devices/" + identity_.device.str();
    if (identity_.is_module()) resource += "/modules/" + identity_.module;
    return sas::make_token(resource, parts_.key, now.plus_s(lifetime.count()), parts_.key_name);
}

}  // namespace carillon::client
