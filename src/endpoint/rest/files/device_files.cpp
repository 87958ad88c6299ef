// The files that a device has uploaded: of our own making, so under /carillon/. Page: docs/file-upload.md.

#include "base/text.hpp"
#include "core/messages/files/uploads.hpp"
#include "core/messages/messages.hpp"
#include "endpoint/rest/files/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

Task<Result<HttpResponse>> list_device_files(Request& request) {
    auto key = request.device_key();
    if (!key) co_return fail(std::move(key).error());
    Uploads& uploads = request.hub.messages().uploads();
    std::string body;
    JsonWriter out(body);
    out.begin_object().member("isOn", uploads.is_on());
    FileStore::List list;
    if (uploads.is_on()) {
        std::function<FileStore::List(FileStore&)> look = [device = key->device](FileStore& store) {
            return store.list(device);
        };
        auto looking = uploads.on_files(std::move(look));
        list = co_await std::move(looking);
    }
    out.member("isWhole", list.is_whole).key("files").begin_array();
    for (const FileStore::Listed& file : list.files) {
        out.begin_object().member("name", file.name).member("bytes", file.info.bytes);
        out.member("lastModified", to_iso8601(file.info.modified)).end_object();
    }
    out.end_array().end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
