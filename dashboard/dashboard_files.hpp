#pragma once

#include "endpoint/rest/web/web_files.hpp"

#include <span>

namespace carillon {

/// The dashboard as the build made it (embed.mjs); none if it was left out (`CARILLON_DASHBOARD=OFF`).
std::span<const rest::WebFile> dashboard_files();

}  // namespace carillon
