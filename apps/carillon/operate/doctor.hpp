#pragma once

#include "operate/doctor_checks.hpp"

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace carillon {

/// Where a hub's configuration is, as `serve` takes it.
struct ConfigPlace {
    std::string file;      ///< Empty for none.
    std::string data_dir;  ///< Empty for what the configuration says.
};
void add_config_place(CLI::App& command, ConfigPlace& place);
/// The configuration a `serve` would have. Fails as `load_config`.
Result<ServerConfig> config_at(const ConfigPlace& place);
/// Whether a hub runs on a data folder.
bool is_hub_running(const std::string& data_dir);

}  // namespace carillon
