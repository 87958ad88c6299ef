#pragma once

#include "base/json.hpp"
#include "base/result.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace carillon {

/// A JSON text together with its values, which stay valid as long as it, also when it moves. Movable.
///
///     const auto twin = owned_json(client->find_twin(key));
///     if (twin) std::cout << twin->root().find("etag").string();
class OwnedJson {
public:
    /// Fails as `JsonDocument::parse`.
    static Result<OwnedJson> parse(std::string text) {
        auto kept = std::make_unique<const std::string>(std::move(text));
        auto document = JsonDocument::parse(*kept);
        if (!document) return fail(std::move(document).error());
        return OwnedJson(std::move(kept), *std::move(document));
    }

    JsonValue root() const { return document_.root(); }
    /// A member of the root; absent if there is none, or the root is no object.
    JsonValue operator[](std::string_view name) const { return document_.root().find(name); }
    const std::string& text() const { return *text_; }

private:
    OwnedJson(std::unique_ptr<const std::string> text, JsonDocument document)
        : text_(std::move(text)), document_(std::move(document)) {}

    std::unique_ptr<const std::string> text_;  ///< What the document views.
    JsonDocument document_;
};

/// A client's answer as values; its error, or that of the text.
inline Result<OwnedJson> owned_json(Result<std::string> answer) {
    if (!answer) return fail(std::move(answer).error());
    return OwnedJson::parse(*std::move(answer));
}

}  // namespace carillon
