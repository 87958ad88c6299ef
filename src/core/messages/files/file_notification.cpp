#include "core/messages/files/file_notification.hpp"

#include "base/json.hpp"
#include "base/stored_bytes.hpp"
#include "base/text.hpp"

namespace carillon {

namespace {

constexpr std::uint8_t row_format = 1;

}  // namespace

std::string StoredFileNotification::encode(const FileNotification& notification, WallTime enqueued) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("deviceId", notification.device_id).member("blobUri", notification.blob_uri);
    json.member("blobName", notification.blob_name);
    json.member("lastUpdatedTime", to_iso8601(notification.last_updated));
    json.member("blobSizeInBytes", notification.bytes).member("enqueuedTimeUtc", to_iso8601(enqueued));
    json.end_object();
    std::string row;
    StoredWriter out(row);
    out.u8(row_format);
    out.i64(enqueued.ticks);
    out.text(body);
    return row;
}

Result<StoredFileNotification> StoredFileNotification::decode(std::string_view row) {
    StoredReader in(as_bytes(row));
    StoredFileNotification stored;
    if (in.u8() != row_format) in.spoil();
    stored.enqueued.ticks = in.i64();
    stored.body = in.text();
    if (!in.is_done()) return fail(Errc::store_corrupt, "a stored file notification does not decode");
    return stored;
}

}  // namespace carillon
