#include "carillon/enrollments.hpp"

#include "base/text.hpp"

namespace carillon {

namespace {

std::string collection_path(Enrollments::Kind kind) {
    return kind == Enrollments::Kind::group ? "/enrollmentGroups" : "/enrollments";
}

/// Fails where an id would be another route.
Result<std::string> path_of(const std::string& collection, std::string_view id) {
    if (id.empty() || id == "query") return fail(Errc::argument_invalid, "the id cannot be used");
    return collection + "/" + percent_encode(id);
}

Result<std::string> registration_path(std::string_view id) {
    return path_of("/registrations", id);
}

Result<> without_answer(Result<std::string> answer) {
    if (!answer) return fail(std::move(answer).error());
    return {};
}

}  // namespace

Result<std::string> Enrollments::put(Kind kind, std::string_view id, std::string_view enrollment_json,
                                     std::string_view etag) {
    const auto path = path_of(collection_path(kind), id);
    if (!path) return path;
    return service_.send({.method = "PUT", .target = *path, .body = enrollment_json}, etag);
}

Result<std::string> Enrollments::find(Kind kind, std::string_view id) {
    const auto path = path_of(collection_path(kind), id);
    if (!path) return path;
    return service_.send({.method = "GET", .target = *path});
}

Result<std::string> Enrollments::attestation(Kind kind, std::string_view id) {
    auto path = path_of(collection_path(kind), id);
    if (!path) return path;
    *path += "/attestationmechanism";
    return service_.send({.method = "POST", .target = *path});
}

Result<> Enrollments::remove(Kind kind, std::string_view id, std::string_view etag) {
    const auto path = path_of(collection_path(kind), id);
    if (!path) return fail(path.error());
    return without_answer(service_.send({.method = "DELETE", .target = *path}, etag));
}

Result<ServicePage> Enrollments::list(Kind kind, std::size_t page_size, std::string_view continuation) {
    const std::string path = collection_path(kind) + "/query";
    const ServiceRequest request{
        .method = "POST", .target = path, .body = R"({"query":"SELECT * FROM enrollments"})"};
    return service_.send_for_page(request, page_size, continuation);
}

Result<std::string> Enrollments::find_registration(std::string_view id) {
    const auto path = registration_path(id);
    if (!path) return path;
    return service_.send({.method = "GET", .target = *path});
}

Result<> Enrollments::remove_registration(std::string_view id, std::string_view etag) {
    const auto path = registration_path(id);
    if (!path) return fail(path.error());
    return without_answer(service_.send({.method = "DELETE", .target = *path}, etag));
}

Result<ServicePage> Enrollments::list_registrations(std::string_view group, std::size_t page_size,
                                                    std::string_view continuation) {
    auto path = registration_path(group);
    if (!path) return fail(std::move(path).error());
    *path += "/query";
    return service_.send_for_page({.method = "POST", .target = *path}, page_size, continuation);
}

}  // namespace carillon
