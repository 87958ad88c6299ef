#pragma once

#include "core/provisioning/linked_hubs.hpp"
#include "endpoint/blob/web_client.hpp"
#include "wire/sas/connection_string.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

class Clock;

/// Other hubs by HTTPS: Carillon's, or the service's.
class WebHubs final : public LinkedHubs {
public:
    static constexpr std::size_t hubs_max = 50;              ///< Source: DPS docs, "Quotas and limits".
    static constexpr std::chrono::seconds answer_within{5};  ///< For each request. Ours.
    static constexpr std::size_t answer_bytes_max = 256 * 1024;

    /// `logins` are connection strings of policies that may write to the registry, with a port behind the
    /// host where it is not 443. `ca_file` names authorities beside the system's; empty for none. Fails with
    /// `config_invalid`, `tls_failed`. `clock` outlives it.
    static Result<std::unique_ptr<WebHubs>> open(const std::vector<std::string>& logins,
                                                 const std::string& ca_file, const Clock& clock);
    /// From here on nothing is waited for.
    void stop() { stops_ = true; }

    const std::vector<std::string>& names() const override { return names_; }
    Result<bool> place(const std::string& hub, const PlacedDevice& device) override;
    Result<std::string> twin(const std::string& hub, const std::string& device_id) override;
    Result<> remove(const std::string& hub, const std::string& device_id) override;

private:
    struct Login {
        WebServer server;
        sas::ConnectionString parts;
    };
    WebHubs(std::shared_ptr<const WebTrust> trust, const Clock& clock)
        : trust_(std::move(trust)), clock_(clock) {}

    /// An answer whose status is none of `expected` is an error.
    Result<WebAnswer> ask(const std::string& hub, std::string_view method, const std::string& path,
                          std::string_view fields, const std::string& body,
                          std::initializer_list<int> expected);

    std::shared_ptr<const WebTrust> trust_;
    const Clock& clock_;
    std::vector<std::string> names_;  ///< Bound: hubs_max.
    std::vector<Login> logins_;       ///< Of the same order. Bound: hubs_max.
    std::atomic<bool> stops_{false};
};

/// Reads a login of `WebHubs`. Fails with `config_invalid`.
Result<std::pair<WebServer, sas::ConnectionString>> parse_hub_login(std::string_view text);

}  // namespace carillon
