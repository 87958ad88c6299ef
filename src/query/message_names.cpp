#include "query/message_names.hpp"

#include "base/text.hpp"
#include "query/names.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace carillon::query {
namespace {

/// What a condition calls a system property, and what it is stored under where that is another name.
constexpr std::pair<std::string_view, std::string_view> system_names[] = {
    {"$messageId", "message-id"},
    {"$correlationId", "correlation-id"},
    {"$userId", "user-id"},
    {"$contentType", "content-type"},
    {"$contentEncoding", "content-encoding"},
    {"$absoluteExpiryTime", "absolute-expiry-time"},
    {"$creationTimeUtc", "iothub-creation-time-utc"},
    {"$enqueuedTime", "iothub-enqueuedtime"},
    {"$connectionDeviceId", "iothub-connection-device-id"},
    {"$connectionModuleId", "iothub-connection-module-id"},
    {"$outputName", "iothub-outputname"},
    {"$messageSource", "iothub-message-source"},
};

std::string stored_name(std::string_view written) {
    for (const auto& [name, stored] : system_names) {
        if (equals_ignoring_case(name, written)) return std::string(stored);
    }
    return std::string(written.substr(1));
}

std::shared_ptr<const Path> unknown_path(std::string label) {
    auto path = std::make_shared<Path>();
    path->label = std::move(label);
    return path;
}

std::shared_ptr<const Path> resolve_twin_path(std::vector<Segment> segments) {
    std::string label = segments.front().name;
    segments.erase(segments.begin());
    if (segments.empty() || segments.front().index) return unknown_path(std::move(label));
    auto path = resolve_path(std::move(segments), FromClause());
    // Of the twin, and neither of the identity nor of the connection.
    return is_of_twin(*path) ? path : unknown_path(path->label);
}

std::shared_ptr<const Path> resolve_body_path(std::vector<Segment> segments) {
    auto path = std::make_shared<Path>();
    path->label = segments.front().name;
    std::size_t at = 1;
    for (; at < segments.size() && !segments[at].index; ++at) {
        path->names.push_back(std::move(segments[at].name));
    }
    for (; at < segments.size(); ++at) path->tail.push_back(std::move(segments[at]));
    if (path->names.empty()) return path;  // The body as a whole is no value.
    path->field = Field::message_body;
    path->label = path->names.back();
    path->keys.assign(path->names.begin(), path->names.end());
    return path;
}

}  // namespace

bool is_of_twin(const Path& path) {
    switch (path.field) {
        case Field::tags:
        case Field::desired:
        case Field::reported:
        case Field::desired_version:
        case Field::reported_version:
        case Field::desired_metadata:
        case Field::reported_metadata:
            return true;
        default:
            return false;
    }
}

std::shared_ptr<const Path> resolve_message_path(std::vector<Segment> segments) {
    const std::string first = segments.front().name;
    if (equals_ignoring_case(first, "$body")) return resolve_body_path(std::move(segments));
    if (equals_ignoring_case(first, "$twin")) return resolve_twin_path(std::move(segments));
    auto path = std::make_shared<Path>();
    // A property's name may have dots in it.
    for (const Segment& segment : segments) {
        if (segment.index) return unknown_path(first);
        path->label.append(path->label.empty() ? "" : ".").append(segment.name);
    }
    if (first.starts_with('$')) {
        path->field = Field::message_system;
        path->names = {stored_name(path->label), path->label};
    } else {
        path->field = Field::message_property;
        path->names = {path->label};
    }
    path->keys.assign(path->names.begin(), path->names.end());
    return path;
}

}  // namespace carillon::query
