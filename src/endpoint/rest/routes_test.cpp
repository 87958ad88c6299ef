#include "endpoint/rest/routes.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace carillon::rest {
namespace {

struct Found {
    int status = 200;
    std::string pattern;
    std::vector<std::string> ids;
    bool operator==(const Found&) const = default;
};

Found find(std::string_view method, std::string_view target) {
    Path path;
    if (auto parsed = path.parse(target); !parsed) return {http_status(parsed.error().code), "", {}};
    auto match = find_route(method, path);
    if (!match) return {http_status(match.error().code), "", {}};
    Found found{200, std::string(match->route->pattern), {}};
    for (const std::size_t at : match->ids()) found.ids.emplace_back(path.segments()[at]);
    return found;
}

TEST(Routes, FindEachOperationByMethodAndPath) {
    struct Case {
        const char* method;
        const char* path;
        Found found;
    };
    const std::vector<Case> cases{
        {"GET", "/devices", {200, "/devices", {}}},
        {"GET", "/devices/", {200, "/devices", {}}},
        {"POST", "/devices/", {200, "/devices", {}}},
        {"GET", "/devices/d1", {200, "/devices/{}", {"d1"}}},
        {"GET", "/devices/d1/", {200, "/devices/{}", {"d1"}}},
        {"PUT", "/DEVICES/D1", {200, "/devices/{}", {"D1"}}},
        {"DELETE", "/devices/a%20b", {200, "/devices/{}", {"a b"}}},
        {"GET", "/devices/a+b", {200, "/devices/{}", {"a+b"}}},
        {"GET", "/devices/%2541", {200, "/devices/{}", {"%41"}}},
        {"GET", "/devices/+'!$*(),;=@:", {200, "/devices/{}", {"+'!$*(),;=@:"}}},
        {"GET", "/devices/%2e%2E", {200, "/devices/{}", {".."}}},
        {"GET", "/devices/..", {200, "/devices/{}", {".."}}},
        {"GET", "/devices/query", {200, "/devices/{}", {"query"}}},
        {"PUT", "/devices/query", {200, "/devices/{}", {"query"}}},
        {"POST", "/devices/query", {200, "/devices/query", {}}},
        {"POST", "/Devices/Query/", {200, "/devices/query", {}}},
        {"GET", "/devices/d/modules", {200, "/devices/{}/modules", {"d"}}},
        {"GET", "/devices/modules/modules/modules", {200, "/devices/{}/modules/{}", {"modules", "modules"}}},
        {"PUT", "/devices/d/modules/m", {200, "/devices/{}/modules/{}", {"d", "m"}}},
        {"GET", "/twins/d", {200, "/twins/{}", {"d"}}},
        {"PATCH", "/twins/d/modules/m", {200, "/twins/{}/modules/{}", {"d", "m"}}},
        {"POST", "/twins/d/methods", {200, "/twins/{}/methods", {"d"}}},
        {"POST", "/twins/d/modules/m/methods", {200, "/twins/{}/modules/{}/methods", {"d", "m"}}},
        {"GET", "/jobs/v2/query", {200, "/jobs/v2/query", {}}},
        {"POST", "/enrollments/query", {200, "/enrollments/query", {}}},
        {"PUT", "/enrollments/query", {200, "/enrollments/{}", {"query"}}},
        {"POST", "/enrollmentgroups/g/attestationmechanism",
         {200, "/enrollmentGroups/{}/attestationmechanism", {"g"}}},
        {"POST", "/registrations/registrations/query",
         {200, "/registrations/{}/query", {"registrations"}}},
        {"PUT", "/0ne/registrations/d%3A1/register", {200, "/{}/registrations/{}/register", {"0ne", "d:1"}}},
        {"GET", "/0ne/registrations/d/operations/5.a",
         {200, "/{}/registrations/{}/operations/{}", {"0ne", "d", "5.a"}}},
        {"PUT", "/jobs/v2/query", {200, "/jobs/v2/{}", {"query"}}},
        {"GET", "/jobs/v2/j", {200, "/jobs/v2/{}", {"j"}}},
        {"POST", "/jobs/v2/j/cancel", {200, "/jobs/v2/{}/cancel", {"j"}}},
        {"POST", "/jobs/create", {200, "/jobs/create", {}}},
        {"GET", "/jobs/create", {200, "/jobs/{}", {"create"}}},
        {"GET", "/jobs", {200, "/jobs", {}}},
        {"GET", "/devices/d/messages/deviceBound", {200, "/devices/{}/messages/devicebound", {"d"}}},
        {"DELETE", "/messages/servicebound/feedback/l", {200, "/messages/serviceBound/feedback/{}", {"l"}}},
        {"POST",
         "/digitaltwins/d/components/c/commands/x",
         {200, "/digitaltwins/{}/components/*/commands/{}", {"d", "x"}}},

        {"GET", "/", {404, "", {}}},
        {"GET", "/device", {404, "", {}}},
        {"GET", "/devices//", {404, "", {}}},
        {"GET", "/devices//d", {404, "", {}}},
        {"GET", "//devices", {404, "", {}}},
        {"GET", "/devices/d//", {404, "", {}}},
        {"GET", "/devices/d/nothing", {404, "", {}}},
        {"GET", "/twins", {404, "", {}}},
        {"GET", "/twins/d/modules", {404, "", {}}},
        {"GET", "/a/b/c/d/e/f/g/h/i/j/k", {404, "", {}}},
        {"GET", "/$admin/exportRegistry", {404, "", {}}},
        {"GET", "/devices/%", {400, "", {}}},
        {"GET", "/devices/%4", {400, "", {}}},
        {"GET", "/devices/%zz", {400, "", {}}},
        {"PUT", "/devices", {405, "", {}}},
        {"PATCH", "/devices/d", {405, "", {}}},
        {"HEAD", "/devices/d", {405, "", {}}},
        {"OPTIONS", "/devices/d", {405, "", {}}},
        {"get", "/devices/d", {405, "", {}}},
        {"GET", "/twins/d/methods", {405, "", {}}},
        {"DELETE", "/twins/d", {405, "", {}}},
        {"POST", "/jobs/v2/query", {405, "", {}}},
        {"DELETE", "/jobs/v2/j", {405, "", {}}},
        {"GET", "/jobs/v2/j/cancel", {405, "", {}}},
        {"POST", "/statistics/devices", {405, "", {}}},
    };
    for (const Case& c : cases) {
        const Found found = find(c.method, c.path);
        EXPECT_EQ(found.status, c.found.status) << c.method << ' ' << c.path;
        EXPECT_EQ(found.pattern, c.found.pattern) << c.method << ' ' << c.path;
        EXPECT_EQ(found.ids, c.found.ids) << c.method << ' ' << c.path;
    }
}

TEST(Routes, HideNothingBehindAnEarlierOne) {
    for (const Route& route : routes()) {
        std::string path;
        for (const char c : route.pattern) {
            if (c == '{')
                path += "x";
            else if (c == '*')
                path += "y";
            else if (c != '}')
                path += c;
        }
        EXPECT_EQ(find(route.method, path).pattern, route.pattern) << route.method;
    }
}

TEST(Routes, AreFoundWithTheSlashesEscaped) {
    EXPECT_EQ(find("POST", "/devices%2Fquery"), (Found{200, "/devices/query", {}}));
    EXPECT_EQ(find("GET", "/jobs%2fv2%2Fj"), (Found{200, "/jobs/v2/{}", {"j"}}));
    EXPECT_EQ(find("GET", "/devices/d%2Fmodules"), (Found{200, "/devices/{}/modules", {"d"}}));
    EXPECT_EQ(find("GET", "/twins%2Fa%2525%2Fmodules%2Fm%252F"),
              (Found{200, "/twins/{}/modules/{}", {"a%25", "m%2F"}}));
    EXPECT_EQ(find("GET", "/%2FdigitalTwins%2Fd"), (Found{200, "/digitaltwins/{}", {"d"}}));
    EXPECT_EQ(find("GET", "/devices%2F"), (Found{200, "/devices", {}}));
    EXPECT_EQ(find("GET", "/%2F%2Fdevices").status, 404);
    EXPECT_EQ(find("GET", "/devices%2F%2Fd").status, 404);
    EXPECT_EQ(find("GET", "/%2F").status, 404);
    EXPECT_EQ(find("GET", "/devices%2").status, 400);
}

}  // namespace
}  // namespace carillon::rest
