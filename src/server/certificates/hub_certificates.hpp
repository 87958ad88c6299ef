#pragma once

#include "base/result.hpp"
#include "server/certificates/certificates.hpp"
#include "server/data_dir.hpp"
#include "server/settings/config.hpp"

namespace carillon {

/// The certificates that the configuration names, else those that the hub makes in its data directory.
Result<HubCertificates> find_certificates(const ServerConfig& config, const DataDir& data_dir);

}  // namespace carillon
