#pragma once

#include "carillon/service_client.hpp"

#include <string>
#include <string_view>

namespace carillon {

// Where a hub keeps routes and endpoints: documents, by their names.

inline constexpr std::string_view routes_path = "/carillon/routes";
inline constexpr std::string_view endpoints_path = "/carillon/endpoints";

/// Reads, puts or deletes the document `name` of a collection. Fails as `ServiceClient::send` does.
Result<std::string> find_item(ServiceClient& client, std::string_view collection, const std::string& name);
Result<std::string> put_item(ServiceClient& client, std::string_view collection, const std::string& name,
                             const std::string& json);
Result<> delete_item(ServiceClient& client, std::string_view collection, const std::string& name);
/// All documents of a collection.
Result<ServicePage> list_items(ServiceClient& client, std::string_view collection);

}  // namespace carillon
