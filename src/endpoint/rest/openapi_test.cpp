#include "endpoint/rest/openapi.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/harness.hpp"
#include "endpoint/rest/routes.hpp"

#include <set>

namespace carillon::rest {
namespace {

using namespace testing;

/// `GET /devices/{}`: what a parameter is called, and that it may be any segment, is left out.
std::string name_of(std::string_view method, std::string_view path) {
    std::string name;
    for (char c : method) name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    name += ' ';
    for (const std::string_view segment : split(path.substr(1), '/')) {
        name += '/';
        name += segment.starts_with('{') || segment == "*" ? std::string_view("{}") : segment;
    }
    return name;
}

std::set<std::string> routed() {
    std::set<std::string> names;
    for (const Route& route : routes()) names.insert(name_of(route.method, route.pattern));
    return names;
}

/// Calls `visit` with each operation of the description and its name.
template <class Visit>
void for_each_operation(const JsonDocument& document, Visit visit) {
    const JsonValue paths = document.root().find("paths");
    for (JsonValue path = paths.first(); path.exists(); path = path.next()) {
        for (JsonValue operation = path.first(); operation.exists(); operation = operation.next()) {
            visit(name_of(operation.key(), path.key()), operation);
        }
    }
}

TEST(OpenApi, DescribesEveryRouteAndNoOther) {
    const auto document = JsonDocument::parse(openapi_text());
    ASSERT_TRUE(document) << document.error().detail;
    std::set<std::string> described;
    for_each_operation(*document, [&](const std::string& name, JsonValue) {
        EXPECT_TRUE(described.insert(name).second) << name << " is described twice";
    });
    const std::set<std::string> served = routed();
    for (const std::string& name : served)
        EXPECT_TRUE(described.contains(name)) << name << " is not described";
    for (const std::string& name : described) EXPECT_TRUE(served.contains(name)) << name << " is not served";
}

TEST(OpenApi, TellsWhatIsOfferedAndWhichNeedNoToken) {
    const auto document = JsonDocument::parse(openapi_text());
    ASSERT_TRUE(document);
    for_each_operation(*document, [&](const std::string& name, JsonValue operation) {
        for (const Route& route : routes()) {
            if (name_of(route.method, route.pattern) != name) continue;
            const bool says_offered = operation.find("tags").first().string() != "not offered";
            EXPECT_EQ(says_offered, route.handler != &not_offered) << name;
            EXPECT_EQ(operation.find("security").exists(), route.need.is_open()) << name;
        }
    });
}

class OpenApiRoute : public RestTest {};

TEST_F(OpenApiRoute, NeedsNeitherTokenNorVersion) {
    const Answer answer = call("GET", "/carillon/openapi.json", "", "Authorization: none\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("content-type"), "application/json; charset=utf-8");
    EXPECT_EQ(answer.body, openapi_text());
    EXPECT_FALSE(wire_.is_authenticated);
}

}  // namespace
}  // namespace carillon::rest
