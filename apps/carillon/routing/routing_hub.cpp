#include "routing/routing_hub.hpp"

#include "base/text.hpp"

namespace carillon {

namespace {

Result<std::string> send(ServiceClient& client, std::string_view method, std::string_view collection,
                         const std::string& name, std::string_view json = {}) {
    const std::string target = std::string(collection) + "/" + percent_encode(name);
    return client.send({.method = method, .target = target, .body = json});
}

}  // namespace

Result<std::string> find_item(ServiceClient& client, std::string_view collection, const std::string& name) {
    return send(client, "GET", collection, name);
}

Result<std::string> put_item(ServiceClient& client, std::string_view collection, const std::string& name,
                             const std::string& json) {
    return send(client, "PUT", collection, name, json);
}

Result<> delete_item(ServiceClient& client, std::string_view collection, const std::string& name) {
    if (auto gone = send(client, "DELETE", collection, name); !gone) return fail(std::move(gone).error());
    return {};
}

Result<ServicePage> list_items(ServiceClient& client, std::string_view collection) {
    return client.send_for_page({.method = "GET", .target = collection, .body = {}}, 0);
}

}  // namespace carillon
