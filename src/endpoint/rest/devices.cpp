#include "base/text.hpp"
#include "core/shard/directory.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/identities.hpp"
#include "endpoint/rest/request.hpp"

#include <algorithm>
#include <iterator>

namespace carillon::rest {

namespace {

/// `GET /devices?top=N`. Source: azure-iot-hub-python: service.json.
constexpr std::int64_t list_max = 1000;

struct Listed {
    std::string id;
    std::string json;
};

Task<std::vector<Listed>> list_there(Shard* shard, std::size_t count) {
    std::vector<Listed> found;
    Directory& directory = shard->directory();
    for (Record* record = directory.first(); record != nullptr && found.size() < count;
         record = directory.next(*record)) {
        if (record->key.is_module() || !record->exists()) continue;
        Listed& listed = found.emplace_back();
        listed.id = record->key.device.str();
        append_identity_json(listed.json, record->committed->identity.unpack(), record->live());
    }
    co_return found;
}

}  // namespace

Task<Result<HttpResponse>> list_devices(Request& request) {
    const auto asked = request.parameter("top");
    const std::int64_t top =
        std::clamp<std::int64_t>(asked ? parse_i64(*asked).value_or(list_max) : list_max, 1, list_max);
    const auto count = static_cast<std::size_t>(top);
    std::vector<Listed> all;
    for (std::size_t i = 0; i < request.hub.shard_count(); ++i) {
        Shard& shard = request.hub.shard(i);
        auto found = co_await on_owner(request.hub, shard, list_there(&shard, count));
        std::move(found.begin(), found.end(), std::back_inserter(all));
    }
    std::sort(all.begin(), all.end(), [](const Listed& a, const Listed& b) { return a.id < b.id; });
    if (all.size() > count) all.erase(all.begin() + top, all.end());
    std::string body;
    JsonWriter json(body);
    json.begin_array();
    for (const Listed& device : all) json.raw(device.json);
    json.end_array();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> get_device(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    co_return co_await get_identity(request, *std::move(key));
}

Task<Result<HttpResponse>> put_device(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    co_return co_await put_identity(request, *std::move(key));
}

Task<Result<HttpResponse>> delete_device(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    co_return co_await delete_identity(request, *std::move(key));
}

}  // namespace carillon::rest
