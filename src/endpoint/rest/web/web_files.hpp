#pragma once

#include "endpoint/rest/http/http_message.hpp"

#include <span>
#include <string_view>

namespace carillon::rest {

/// A file of the dashboard as it is compiled into the program (dashboard/embed.mjs). What the views
/// point to lives as long as the program.
struct WebFile {
    std::string_view path;  ///< As asked for, such as `/ui/assets/index-1a2b3c4d.js`.
    std::string_view content_type;
    std::string_view etag;  ///< Quoted.
    std::string_view plain;
    std::string_view gzip;  ///< Empty where it would be no smaller.
};

/// True for a target below `/ui`, where the dashboard is.
bool is_web_path(std::string_view target);

/// Answers GET and HEAD with a file. Paths one step below `/ui/` are places within the page, which finds
/// its way by itself, so they get the page; `files` holds it as `/ui/index.html`. `/ui` leads to `/ui/`.
/// Every answer carries a policy that lets the page load from nowhere but this hub and be framed by nobody.
HttpResponse answer_with_file(std::span<const WebFile> files, const HttpRequest& request);

}  // namespace carillon::rest
