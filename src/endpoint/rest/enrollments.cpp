// The service side of provisioning: enrollments, enrollment groups and the records of registrations.
// Source: DPS service.json; azure-iot-sdk-node: provisioningserviceclient.ts; azure-iot-cli-extension: dps.

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/provisioning/provisioning.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/paging.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/format.h>
#include <vector>

namespace carillon::rest {

namespace {

using Kind = Enrollment::Kind;

Result<> check_on(const Request& request) {
    if (request.hub.provisioning().is_on()) return {};
    return fail(Errc::generic_not_found,
                "This hub does not provision devices: provisioning.id_scopes is empty.");
}

/// `If-Match` in each of the spellings of SDKs and tools: with quotes and without.
EtagMatch enrollment_match(const Request& request) {
    return EtagMatch::parse(request.header("if-match"), EtagMatch::Unquoted::compare);
}

HttpResponse show(const Enrollment& enrollment, EnrollmentKeys keys) {
    std::string body;
    append_enrollment_json(body, enrollment, keys);
    return ok(std::move(body));
}

Task<Result<HttpResponse>> put_one(Request& request, Kind kind) {
    if (auto on = check_on(request); !on) co_return fail(std::move(on).error());
    EtagMatch match = enrollment_match(request);
    // Who makes an enrollment is told the keys, once.
    const auto keys = match.is_absent() ? EnrollmentKeys::told : EnrollmentKeys::withheld;
    auto putting = request.hub.provisioning().put(kind, std::string(request.ids[0]), request.http->body,
                                                  std::move(match));
    const auto written = co_await std::move(putting);
    if (!written) co_return fail(written.error());
    co_return show(*written, keys);
}

Task<Result<HttpResponse>> get_one(Request& request, Kind kind) {
    if (auto on = check_on(request); !on) co_return fail(std::move(on).error());
    const auto found = co_await request.hub.provisioning().find(kind, std::string(request.ids[0]));
    if (!found) co_return fail(found.error());
    co_return show(*found, EnrollmentKeys::withheld);
}

Task<Result<HttpResponse>> delete_one(Request& request, Kind kind) {
    if (auto on = check_on(request); !on) co_return fail(std::move(on).error());
    auto removing =
        request.hub.provisioning().remove(kind, std::string(request.ids[0]), enrollment_match(request));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    co_return no_content();
}

Task<Result<HttpResponse>> attestation_of(Request& request, Kind kind) {
    if (auto on = check_on(request); !on) co_return fail(std::move(on).error());
    const auto found = co_await request.hub.provisioning().find(kind, std::string(request.ids[0]));
    if (!found) co_return fail(found.error());
    std::string body;
    append_attestation_json(body, *found, EnrollmentKeys::told);
    co_return ok(std::move(body));
}

/// A page as a bare array. The item type is read by the C# and Java clients.
template <class T, class Append>
HttpResponse page_of(const Provisioning::Page<T>& page, std::string_view item_type, const Append& append) {
    std::string body = "[";
    for (const T& item : page.items) {
        if (body.size() > 1) body += ',';
        append(body, item);
    }
    body += ']';
    HttpResponse response = ok(std::move(body));
    response.add("x-ms-item-type", item_type);
    if (!page.next.empty()) response.add("x-ms-continuation", base64_encode(page.next));
    return response;
}

/// Where a page begins, from the token of the one before.
Result<std::string> page_start(const PageRequest& page) {
    auto start = base64_decode(page.continuation);
    if (!start || (!start->empty() && !is_enrollment_id(*start))) {
        return fail(Errc::argument_invalid, "The continuation token is not one of this hub's.");
    }
    return *std::move(start);
}

/// Lists all, whatever the statement says: what tools send there is no query language
/// (azure-iot-cli-extension sends the printed form of a Python object).
Task<Result<HttpResponse>> query_all(Request& request, Kind kind) {
    if (auto on = check_on(request); !on) co_return fail(std::move(on).error());
    const PageRequest page = read_page_request(request);
    auto start = page_start(page);
    if (!start) co_return fail(std::move(start).error());
    auto listing = request.hub.provisioning().list(kind, *std::move(start), page.size);
    const auto found = co_await std::move(listing);
    if (!found) co_return fail(found.error());
    co_return page_of(*found, kind == Kind::group ? "enrollmentGroup" : "enrollment",
                      [](std::string& out, const Enrollment& one) {
                          append_enrollment_json(out, one, EnrollmentKeys::withheld);
                      });
}

/// What a bulk request does with each of its enrollments.
enum class BulkMode : std::uint8_t { create, update, update_if_match, remove };

std::optional<BulkMode> read_mode(std::string_view word) {
    if (equals_ignoring_case(word, "create")) return BulkMode::create;
    if (equals_ignoring_case(word, "update")) return BulkMode::update;
    if (equals_ignoring_case(word, "updateIfMatchETag")) return BulkMode::update_if_match;
    if (equals_ignoring_case(word, "delete")) return BulkMode::remove;
    return std::nullopt;
}

EtagMatch match_for(BulkMode mode, std::string_view etag) {
    if (mode == BulkMode::create) return {};
    if (mode == BulkMode::update_if_match) return {.kind = EtagMatch::Kind::exact, .etag = std::string(etag)};
    return {.kind = EtagMatch::Kind::any, .etag = {}};
}

Task<Result<>> apply_one(Provisioning& provisioning, Kind kind, BulkMode mode, std::string id,
                         std::string etag, std::string body) {
    if (mode == BulkMode::remove) {
        auto removing = provisioning.remove(kind, std::move(id), match_for(mode, etag));
        co_return co_await std::move(removing);
    }
    auto putting = provisioning.put(kind, std::move(id), std::move(body), match_for(mode, etag));
    auto written = co_await std::move(putting);
    if (!written) co_return fail(std::move(written).error());
    co_return Result<>{};
}

Task<Result<HttpResponse>> bulk(Request& request, Kind kind) {
    if (auto on = check_on(request); !on) co_return fail(std::move(on).error());
    const bool is_group = kind == Kind::group;
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    if (!body->root().is_object()) co_return fail(Errc::iot_hub_format_error, "The body must be an object.");
    MemberReader in(body->root());
    const auto mode = read_mode(in.text("mode").value_or(""));
    const JsonValue entries = in.find(is_group ? "enrollmentGroups" : "enrollments");
    if (!mode) in.refuse("mode must be create, update, updateIfMatchETag or delete.");
    if (!entries.is_array() || entries.size() == 0 || entries.size() > EnrollmentLimits::bulk_max)
        in.refuse(fmt::format("The request must hold 1 to {} enrollments.", EnrollmentLimits::bulk_max));
    if (auto error = in.error(); !error) co_return fail(std::move(error).error());
    const std::string_view id_member = is_group ? "enrollmentGroupId" : "registrationId";
    bool is_successful = true;
    std::string errors;
    JsonWriter list(errors);
    list.begin_array();
    for (JsonValue entry = entries.first(); entry.exists(); entry = entry.next()) {
        MemberReader members(entry);
        const std::string id(members.text(id_member).value_or(""));
        const std::string etag(members.text("etag").value_or(""));
        auto applying =
            apply_one(request.hub.provisioning(), kind, *mode, id, etag, std::string(entry.raw()));
        const auto applied = co_await std::move(applying);
        if (applied) continue;
        is_successful = false;
        list.begin_object().member(id_member, id);
        list.member("errorCode", static_cast<int>(applied.error().code));
        list.member("errorStatus", applied.error().detail).end_object();
    }
    list.end_array();
    std::string answer;
    JsonWriter json(answer);
    json.begin_object().member("isSuccessful", is_successful).member_raw("errors", errors).end_object();
    co_return ok(std::move(answer));
}

}  // namespace

Task<Result<HttpResponse>> put_enrollment(Request& request) {
    return put_one(request, Kind::individual);
}
Task<Result<HttpResponse>> get_enrollment(Request& request) {
    return get_one(request, Kind::individual);
}
Task<Result<HttpResponse>> delete_enrollment(Request& request) {
    return delete_one(request, Kind::individual);
}
Task<Result<HttpResponse>> get_enrollment_attestation(Request& request) {
    return attestation_of(request, Kind::individual);
}
Task<Result<HttpResponse>> query_enrollments(Request& request) {
    return query_all(request, Kind::individual);
}
Task<Result<HttpResponse>> bulk_enrollments(Request& request) {
    return bulk(request, Kind::individual);
}

Task<Result<HttpResponse>> put_enrollment_group(Request& request) {
    return put_one(request, Kind::group);
}
Task<Result<HttpResponse>> get_enrollment_group(Request& request) {
    return get_one(request, Kind::group);
}
Task<Result<HttpResponse>> delete_enrollment_group(Request& request) {
    return delete_one(request, Kind::group);
}
Task<Result<HttpResponse>> get_enrollment_group_attestation(Request& request) {
    return attestation_of(request, Kind::group);
}
Task<Result<HttpResponse>> query_enrollment_groups(Request& request) {
    return query_all(request, Kind::group);
}
Task<Result<HttpResponse>> bulk_enrollment_groups(Request& request) {
    return bulk(request, Kind::group);
}

Task<Result<HttpResponse>> get_registration(Request& request) {
    if (auto on = check_on(request); !on) co_return fail(std::move(on).error());
    const auto found = co_await request.hub.provisioning().find_registration(std::string(request.ids[0]));
    if (!found) co_return fail(found.error());
    std::string body;
    append_registration_json(body, *found);
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> delete_registration(Request& request) {
    if (auto on = check_on(request); !on) co_return fail(std::move(on).error());
    auto removing = request.hub.provisioning().remove_registration(std::string(request.ids[0]),
                                                                   enrollment_match(request));
    const auto removed = co_await std::move(removing);
    if (!removed) co_return fail(removed.error());
    co_return no_content();
}

Task<Result<HttpResponse>> query_registrations(Request& request) {
    if (auto on = check_on(request); !on) co_return fail(std::move(on).error());
    const PageRequest page = read_page_request(request);
    auto start = page_start(page);
    if (!start) co_return fail(std::move(start).error());
    auto listing = request.hub.provisioning().list_registrations(std::string(request.ids[0]),
                                                                 *std::move(start), page.size);
    const auto found = co_await std::move(listing);
    if (!found) co_return fail(found.error());
    co_return page_of(*found, "deviceRegistration", append_registration_json);
}

}  // namespace carillon::rest
