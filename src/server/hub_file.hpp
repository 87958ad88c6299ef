#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace carillon {

/// What other commands on the hub's machine need to know of it, whether it runs or not: `hub.json`
/// in its data folder, for the folder's owner only, as the keys of the policies are in it.
struct HubFile {
    struct Policy {
        std::string name;
        std::string primary_key;
    };
    std::string host_name;
    std::string address;  ///< Where this machine reaches the hub.
    std::uint16_t https_port = 443;
    std::uint16_t mqtts_port = 8883;
    std::string admin_address;     ///< Of metrics and health.
    std::uint16_t admin_port = 0;  ///< 0 if the hub has no such listener.
    bool admin_tls = false;
    std::string ca_file;  ///< What to trust; empty for the system's authorities.
    std::vector<Policy> policies;

    /// Names compare without regard to case.
    const Policy* find_policy(std::string_view name) const;
};

std::filesystem::path hub_file_path(const std::filesystem::path& data_dir);
/// Whether a hub has run on this data.
bool has_hub_file(const std::filesystem::path& data_dir);
/// Fails with `io_failed`.
Result<> write_hub_file(const std::filesystem::path& data_dir, const HubFile& file);
/// Fails with `not_found_locally` if no hub ever started there, `store_corrupt` if it does not parse.
Result<HubFile> read_hub_file(const std::filesystem::path& data_dir);

}  // namespace carillon
