// The HTTP reader: however the bytes are cut it reads the same requests, nothing it reads exceeds its
// limits, and routes, paths and parameters take whatever it lets through.

#include "base/result.hpp"
#include "endpoint/rest/http/http_parser.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rest_handler.hpp"
#include "endpoint/rest/routes.hpp"

#include <algorithm>
#include <string>

namespace {

using carillon::rest::HttpLimits;
using carillon::rest::HttpParser;
using carillon::rest::HttpRequest;

constexpr std::size_t body_bytes_max = 4096;

/// Uses a request as the endpoint does before it asks who sent it.
void route(const HttpRequest& request) {
    const std::string_view target = request.target;
    CARILLON_ASSERT(target.starts_with('/'));
    const std::size_t question = target.find('?');
    carillon::rest::Path path;
    if (path.parse(target.substr(0, question))) {
        const auto match = carillon::rest::find_route(request.method, path);
        if (match) CARILLON_ASSERT(match->route->method == request.method);
    }
    if (question == std::string_view::npos) return;
    const auto version = carillon::rest::find_parameter(target.substr(question + 1), "api-version");
    const auto flavour = carillon::rest::parse_api_version(version);
    CARILLON_ASSERT(!flavour || version->size() >= 10);
}

/// What was read, as text: each request's parts, then how it ended.
std::string read(std::string_view bytes, std::size_t step) {
    HttpParser parser;
    std::string waiting;
    std::string outcome;
    while (!bytes.empty() || !waiting.empty()) {
        const std::string_view piece = bytes.substr(0, step);
        bytes.remove_prefix(piece.size());
        waiting += piece;
        for (bool moves = true; moves;) {
            const auto before = parser.state();
            const std::size_t used = parser.read(carillon::as_bytes(waiting));
            CARILLON_ASSERT(used <= waiting.size());
            waiting.erase(0, used);
            if (before == HttpParser::State::head && parser.state() == HttpParser::State::body) {
                parser.set_body_max(body_bytes_max);
            }
            if (parser.state() == HttpParser::State::failed) {
                return outcome + "failed " + std::to_string(carillon::http_status(parser.failure()));
            }
            moves = used > 0 || parser.state() != before;
            if (parser.state() != HttpParser::State::complete) continue;
            const HttpRequest& request = parser.request();
            CARILLON_ASSERT(request.body.size() <= HttpLimits::body_bytes_default_max);
            CARILLON_ASSERT(request.fields.size() <= HttpLimits::fields_max);
            route(request);
            outcome.append(request.method).append(" ").append(request.target).append(" ");
            outcome.append(request.body).append("\n");
            parser.reset();
            moves = !waiting.empty();
        }
        if (bytes.empty()) break;
    }
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = carillon::as_text({data, size});
    const std::string whole = read(bytes, std::max<std::size_t>(size, 1));
    // Sizes are judged as bytes arrive, so of two faults either may be found first; texts too long to
    // hold two limits at once are left to the unit tests.
    if (size > body_bytes_max) return 0;
    CARILLON_ASSERT(read(bytes, 1) == whole);
    CARILLON_ASSERT(read(bytes, 5) == whole);
    return 0;
}
