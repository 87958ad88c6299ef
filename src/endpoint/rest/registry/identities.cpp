#include "endpoint/rest/registry/identities.hpp"

#include "core/registry/registry.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/format.h>
#include <utility>

namespace carillon::rest {

Error identity_error(Error error, const IdentityKey& key) {
    switch (error.code) {
        case Errc::device_not_found:
            error.detail = key.device.str();
            break;
        case Errc::module_not_found:
            error.detail = fmt::format("Module {} is not on device {}.", key.module, key.device.str());
            break;
        case Errc::device_already_exists:
            error.detail = fmt::format("A device with ID '{}' is already registered.", key.device.str());
            break;
        case Errc::module_already_exists_on_device:
            error.detail = fmt::format("Device {} already contains Module {}.", key.device.str(), key.module);
            break;
        default:
            break;
    }
    return error;
}

namespace {

HttpResponse show(const FoundRow& row) {
    std::string json;
    append_identity_json(json, row.document.identity.unpack(), row.live);
    return ok(std::move(json), identity_etag_text(row.document.identity.etag()));
}

/// Writes identities as there is room for them; what it keeps of each is shared with the hub.
class IdentitySource final : public BodySource {
public:
    static constexpr std::size_t piece_bytes = 32 * 1024;
    explicit IdentitySource(std::vector<FoundRow> rows) : rows_(std::move(rows)) {
        // A list may be read slowly, and twins change.
        for (FoundRow& row : rows_) row.document = Document{.identity = row.document.identity, .twin = {}};
    }
    Task<std::string> next() override {
        std::string piece;
        if (!std::exchange(has_begun_, true)) piece = '[';
        for (; at_ < rows_.size() && piece.size() < piece_bytes; ++at_) {
            if (at_ > 0) piece += ',';
            append_identity_json(piece, rows_[at_].document.identity.unpack(), rows_[at_].live);
        }
        if (at_ == rows_.size() && !std::exchange(has_ended_, true)) piece += ']';
        co_return piece;
    }

private:
    std::vector<FoundRow> rows_;  ///< Bound: list_max.
    std::size_t at_ = 0;
    bool has_begun_ = false;
    bool has_ended_ = false;
};

}  // namespace

HttpResponse ok_identities(std::vector<FoundRow> rows) {
    HttpResponse response;
    response.source = std::make_shared<IdentitySource>(std::move(rows));
    return response;
}

Task<Result<HttpResponse>> get_identity(Request& request, IdentityKey key) {
    const auto found = co_await request.hub.registry().find(key);
    if (!found) co_return fail(identity_error(found.error(), key));
    co_return show(*found);
}

Task<Result<HttpResponse>> put_identity(Request& request, IdentityKey key) {
    auto putting = request.hub.registry().put(key, request.http->body, request.identity_match());
    const auto put = co_await std::move(putting);
    if (!put) co_return fail(identity_error(put.error(), key));
    co_return show(*put);
}

Task<Result<HttpResponse>> delete_identity(Request& request, IdentityKey key) {
    const auto removed = co_await request.hub.registry().remove(key, request.identity_match());
    if (!removed) co_return fail(identity_error(removed.error(), key));
    co_return no_content();
}

}  // namespace carillon::rest
