#include "endpoint/rest/web/web_files.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace carillon::rest {

namespace {

constexpr std::string_view assets = "/ui/assets/";
constexpr std::string_view page = "/ui/index.html";

// Scripts and styles only as files of ours, never within the page; nothing that turns text into markup.
constexpr std::string_view content_policy =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

/// The path, decoded unless an escape is malformed.
std::string path_of(std::string_view target) {
    const std::string_view path = target.substr(0, target.find_first_of("?#"));
    return percent_decode(path).value_or(std::string(path));
}

/// True if the field lists gzip, or all codings, with a weight above zero. RFC 9110 §12.5.3.
bool takes_gzip(const HttpRequest& request) {
    const auto field = request.find("accept-encoding");
    if (!field) return false;
    for (const std::string_view coding : split(*field, ',')) {
        const std::size_t semicolon = coding.find(';');
        const auto name = trimmed(coding.substr(0, semicolon));
        if (!equals_ignoring_case(name, "gzip")) continue;
        if (semicolon == std::string_view::npos) return true;
        const auto weight = trimmed(coding.substr(semicolon + 1));
        return weight.find_first_of("123456789") != std::string_view::npos;
    }
    return false;
}

/// RFC 9110 §13.1.2; weak comparison.
bool has_it(const HttpRequest& request, std::string_view etag) {
    const auto field = request.find("if-none-match");
    if (!field) return false;
    for (std::string_view one : split(*field, ',')) {
        one = trimmed(one);
        if (one.starts_with("W/")) one.remove_prefix(2);
        if (one == etag || one == "*") return true;
    }
    return false;
}

void add_guards(HttpResponse& response) {
    response.add("Content-Security-Policy", content_policy)
        .add("X-Content-Type-Options", "nosniff")
        .add("X-Frame-Options", "DENY")
        .add("Referrer-Policy", "no-referrer")
        .add("Cross-Origin-Opener-Policy", "same-origin")
        .add("Cross-Origin-Resource-Policy", "same-origin");
}

HttpResponse plain_answer(int status, std::string_view text) {
    HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = text;
    add_guards(response);
    return response;
}

}  // namespace

bool is_web_path(std::string_view target) {
    // Nearly every request is for something else, and says so in its first letter.
    if (!target.starts_with("/u") && !target.starts_with("/%")) return false;
    const std::string path = path_of(target);
    return path == "/ui" || path.starts_with("/ui/");
}

HttpResponse answer_with_file(std::span<const WebFile> files, const HttpRequest& request) {
    if (request.method != "GET" && request.method != "HEAD") {
        auto refusal = plain_answer(405, "Files are only read.\n");
        refusal.add("Allow", "GET, HEAD");
        return refusal;
    }
    const std::string path = path_of(request.target);
    if (path == "/ui") {
        // What the page names is relative, so that it also works behind a proxy that puts a folder in front.
        auto moved = plain_answer(302, "The dashboard is in ui/.\n");
        moved.add("Location", "ui/").add("Cache-Control", "no-cache");
        return moved;
    }
    const bool is_asset = path.starts_with(assets);
    // Places within the page are one step below /ui/; further down it would not find its assets.
    if (!is_asset && path.find('/', std::string_view("/ui/").size()) != std::string::npos)
        return plain_answer(404, "There is no such page.\n");
    const std::string_view wanted = is_asset ? std::string_view(path) : page;
    const auto file =
        std::find_if(files.begin(), files.end(), [wanted](const WebFile& f) { return f.path == wanted; });
    if (file == files.end()) return plain_answer(404, "There is no such file.\n");
    HttpResponse response;
    response.content_type = file->content_type;
    response.add("ETag", file->etag);
    // The names of assets change with their content.
    response.add("Cache-Control", is_asset ? "public, max-age=31536000, immutable" : "no-cache");
    response.add("Vary", "Accept-Encoding");
    add_guards(response);
    if (has_it(request, file->etag)) {
        response.status = 304;
    } else if (!file->gzip.empty() && takes_gzip(request)) {
        response.add("Content-Encoding", "gzip");
        response.shared_body = file->gzip;
    } else {
        response.shared_body = file->plain;
    }
    return response;
}

}  // namespace carillon::rest
