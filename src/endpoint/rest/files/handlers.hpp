#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http/http_message.hpp"

namespace carillon::rest {

struct Request;

// As endpoint/rest/handlers.hpp, for files that devices upload.

// uploads.cpp
Task<Result<HttpResponse>> begin_upload(Request& request);
Task<Result<HttpResponse>> begin_named_upload(Request& request);
Task<Result<HttpResponse>> end_upload(Request& request);
Task<Result<HttpResponse>> end_named_upload(Request& request);

// device_files.cpp
Task<Result<HttpResponse>> list_device_files(Request& request);

// file_notifications.cpp
Task<Result<HttpResponse>> receive_file_notification(Request& request);
Task<Result<HttpResponse>> complete_file_notification(Request& request);
Task<Result<HttpResponse>> abandon_file_notification(Request& request);

}  // namespace carillon::rest
