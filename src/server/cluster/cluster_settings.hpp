#pragma once

namespace carillon {

// Names in the cluster's table of settings, besides the files of its authority.
inline constexpr const char* cluster_setting = "cluster";      ///< Random, so that clusters are told apart.
inline constexpr const char* importing_setting = "importing";  ///< There while a hub is being copied in.

/// By which an import owns the fences.
inline constexpr const char* import_node = "import";

}  // namespace carillon
