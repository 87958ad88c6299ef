#include "server/settings/admin_options.hpp"

#include "base/text.hpp"
#include "server/private_file.hpp"

namespace carillon {
namespace {

constexpr std::size_t token_bytes_min = 16;

bool is_loopback(const std::string& address) {
    return address == "::1" || address.starts_with("127.");
}

}  // namespace

Result<AdminOptions> admin_options(const ServerConfig& config, const TlsContexts* tls) {
    if (!is_loopback(config.admin_bind) && (!config.admin_tls || config.admin_token_file.empty())) {
        return fail(Errc::config_invalid,
                    "admin.bind " + config.admin_bind +
                        " is not a loopback address: set admin.tls to on and name an admin.token_file");
    }
    AdminOptions options{
        .address = config.admin_bind, .port = config.admin_port, .tls = nullptr, .token = {}};
    if (config.admin_tls) options.tls = tls;
    if (config.admin_token_file.empty()) return options;
    const auto token = read_file(config.admin_token_file);
    if (!token) return fail(Errc::config_invalid, "admin.token_file: " + token.error().detail);
    options.token = trimmed(*token);
    if (options.token.size() < token_bytes_min) {
        return fail(Errc::config_invalid, "admin.token_file: the token must have at least 16 characters");
    }
    return options;
}

}  // namespace carillon
