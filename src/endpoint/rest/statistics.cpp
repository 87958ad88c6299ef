#include "core/shard/directory.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

namespace carillon::rest {

namespace {

/// Records counted before the shard's other work gets a turn.
constexpr std::size_t slice_records_max = 4096;

struct DeviceCounts {
    std::int64_t enabled = 0;
    std::int64_t disabled = 0;
    std::int64_t connected = 0;
};

Task<DeviceCounts> count_there(Shard* shard) {
    DeviceCounts counts;
    Directory& directory = shard->directory();
    Record* record = directory.first();
    std::size_t slice = 0;
    while (record != nullptr) {
        if (!record->key.is_module() && record->exists()) {
            ++(record->committed->identity.status() == DeviceStatus::enabled ? counts.enabled
                                                                             : counts.disabled);
            if (record->link != nullptr) ++counts.connected;
        }
        if (++slice == slice_records_max) {
            slice = 0;
            const IdentityKey reached = record->key;  // the record may be gone when we come back
            co_await boost::asio::post(shard->executor(), boost::asio::use_awaitable);
            record = directory.upper_bound(reached);
        } else {
            record = directory.next(*record);
        }
    }
    co_return counts;
}

Task<DeviceCounts> count_all(Hub& hub) {
    DeviceCounts sum;
    for (std::size_t i = 0; i < hub.shard_count(); ++i) {
        Shard& shard = hub.shard(i);
        const DeviceCounts counts = co_await on_owner(hub, shard, count_there(&shard));
        sum.enabled += counts.enabled;
        sum.disabled += counts.disabled;
        sum.connected += counts.connected;
    }
    co_return sum;
}

}  // namespace

Task<Result<HttpResponse>> device_statistics(Request& request) {
    const DeviceCounts counts = co_await count_all(request.hub);
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("totalDeviceCount", counts.enabled + counts.disabled)
        .member("enabledDeviceCount", counts.enabled)
        .member("disabledDeviceCount", counts.disabled)
        .end_object();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> service_statistics(Request& request) {
    const DeviceCounts counts = co_await count_all(request.hub);
    std::string body;
    JsonWriter(body).begin_object().member("connectedDeviceCount", counts.connected).end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
