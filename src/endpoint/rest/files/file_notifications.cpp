// Notifications of the files that devices have uploaded, for back ends over HTTPS; as those of feedback.

#include "core/messages/files/file_notification.hpp"

#include "base/text.hpp"
#include "core/messages/messages.hpp"
#include "endpoint/rest/files/handlers.hpp"
#include "endpoint/rest/messages/lock_fields.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

constexpr std::string_view notification_type = "application/vnd.microsoft.iothub.filenotification.json";

Task<Result<HttpResponse>> settle(Request& request, Settlement how) {
    const auto lock = request_lock(request, 0);
    if (!lock) co_return fail(lock.error());
    auto settling = request.hub.messages().file_notifications().settle(*lock, how);
    const auto settled = co_await std::move(settling);
    if (!settled) co_return fail(settled.error());
    co_return no_content();
}

}  // namespace

Task<Result<HttpResponse>> receive_file_notification(Request& request) {
    const auto lock_time = request_lock_time(request);
    if (!lock_time) co_return fail(lock_time.error());
    auto receiving = request.hub.messages().file_notifications().receive(*lock_time);
    const auto item = co_await std::move(receiving);
    if (!item) co_return fail(item.error());
    if (!*item) co_return no_content();
    auto stored = StoredFileNotification::decode((**item).row);
    if (!stored) co_return fail(std::move(stored).error());
    HttpResponse response = ok(std::move(stored->body), lock_token_text((**item).lock));
    response.content_type = notification_type;
    response.add("iothub-sequencenumber", std::to_string((**item).sequence));
    response.add("iothub-enqueuedtime", to_iso8601(stored->enqueued));
    response.add("iothub-deliverycount", std::to_string((**item).delivery_count));
    co_return response;
}

Task<Result<HttpResponse>> complete_file_notification(Request& request) {
    return settle(request, asked_settlement(request));
}

Task<Result<HttpResponse>> abandon_file_notification(Request& request) {
    return settle(request, Settlement::abandon);
}

}  // namespace carillon::rest
