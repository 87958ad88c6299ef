#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/authorize.hpp"
#include "endpoint/rest/http/http_message.hpp"
#include "model/tier.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace carillon::rest {

struct Request;

/// Answers one operation; an error becomes the body errors.hpp makes of it.
using Handler = Task<Result<HttpResponse>> (*)(Request& request);

/// One REST operation.
struct Route {
    std::string_view method;
    std::string_view pattern;  ///< Literal segments, in any case, and `{}` where an id stands.
    Need need;
    ThrottleClass throttle;  ///< What a strict hub counts it as; once, and the handler what is more.
    std::size_t body_bytes_max;
    Handler handler;
};

/// True for a call by which something may change; false for what only asks.
bool changes_something(const Route& route);
/// True for what the audit log notes: changes that back ends and people ask for. Messages to devices are
/// traffic, and so is what devices do.
bool is_audited(const Route& route);
/// True for what a hub that is started for reading only takes: nothing is written, and no device is heard.
bool only_reads(const Route& route);
bool is_direct_method(const Route& route);
/// True for what is about the hub as a whole, such as jobs and configurations: in a cluster it is served by
/// the node that owns the first shard, and passed on by the others (`RequestRelay`). The rest is served where
/// it arrives, which asks the shards that it takes.
bool is_of_hub(const Route& route);
/// True for a call whose answer may hold keys of identities.
bool tells_keys(const Route& route);

/// True for an operation of the provisioning service, whose errors have a form of their own.
bool is_of_provisioning(const Route& route);

/// True for an operation that the service does not have.
constexpr bool is_ours(const Route& route) {
    return route.pattern.starts_with("/carillon/");
}

/// Every operation there is; of two patterns that fit, the first counts. Source:
/// azure-iot-hub-python: service.json, and the SDKs' own clients.
std::span<const Route> routes();

/// A path taken apart: decoded once, then split at `/`, as no id holds a slash and some clients escape those
/// between the segments (azure-iot-explorer: dataPlaneHelper.ts encodes a whole path). Its views point into
/// the request's target or into itself, so it is not moved.
class Path {
public:
    static constexpr std::size_t segments_max = 8;

    Path() = default;
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;

    /// Fails with `argument_invalid` if an escape is malformed, and with `generic_not_found` if a
    /// segment is empty (but for one slash at the end, and an escaped one behind the first) or there are more
    /// than any route has.
    Result<> parse(std::string_view path);
    std::span<const std::string_view> segments() const { return {segments_.data(), size_}; }

private:
    std::array<std::string_view, segments_max> segments_;
    std::string decoded_;  ///< The whole path, if there was an escape. Bound: HttpLimits::header_bytes_max.
    std::size_t size_ = 0;
};

struct RouteMatch {
    const Route* route = nullptr;
    std::array<std::size_t, 3> id_positions{};
    std::size_t id_count = 0;

    std::span<const std::size_t> ids() const { return {id_positions.data(), id_count}; }
};

/// The operation for a method and path. Fails with `generic_not_found` if no route has the path, with
/// `generic_method_not_allowed` if none has it with this method.
Result<RouteMatch> find_route(std::string_view method, const Path& path);

}  // namespace carillon::rest
