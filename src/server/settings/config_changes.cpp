#include "server/settings/config_changes.hpp"

#include "server/settings/settings.hpp"

namespace carillon {

std::string names_of_changes(const ServerConfig& now, const ServerConfig& next) {
    std::string names;
    for (const Setting& setting : all_settings()) {
        if (setting.read(now) != setting.read(next))
            names += (names.empty() ? "" : ",") + std::string(setting.key);
    }
    return names;
}

ServerConfig with_live_changes(ServerConfig now, const ServerConfig& next) {
    now.tls_certificate = next.tls_certificate;
    now.tls_key = next.tls_key;
    now.tls_client_ca = next.tls_client_ca;
    now.tls_client_crl = next.tls_client_crl;
    now.log_level = next.log_level;
    now.log_format = next.log_format;
    now.log_modules = next.log_modules;
    for (const Setting& setting : all_settings()) {
        if (!takes_effect_at_once(setting)) continue;
        const std::string key(setting.key);
        now.origins.erase(key);
        const auto origin = next.origins.find(key);
        if (origin != next.origins.end()) now.origins.insert(*origin);
    }
    return now;
}

}  // namespace carillon
