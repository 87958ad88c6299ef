#pragma once

#include "server/settings/config.hpp"

#include <string>

namespace carillon {

/// The keys whose values differ, for those that cannot change while the hub runs; separated by commas.
std::string names_of_changes(const ServerConfig& now, const ServerConfig& next);

/// `now` with what of `next` takes effect while the hub runs.
ServerConfig with_live_changes(ServerConfig now, const ServerConfig& next);

}  // namespace carillon
