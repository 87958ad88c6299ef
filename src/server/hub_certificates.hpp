#pragma once

#include "base/result.hpp"
#include "server/certificates.hpp"
#include "server/config.hpp"
#include "server/data_dir.hpp"

namespace carillon {

/// The certificates that the configuration names, else those that the hub makes in its data directory.
Result<HubCertificates> find_certificates(const ServerConfig& config, const DataDir& data_dir);

}  // namespace carillon
