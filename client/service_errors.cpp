#include "service_errors.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <optional>
#include <string>

namespace carillon {

namespace {

/// What a body says, as far as it says it.
struct Said {
    std::optional<int> number;
    std::string name;
    std::string text;
};

/// The known code of this status that goes by `name`.
std::optional<Errc> find_errc(int status, std::string_view name) {
    if (name.empty()) return std::nullopt;
    if (name == errc_name(Errc::server_error)) return Errc::server_error;
    for (int last = 0; last < 1000; ++last) {
        const auto code = static_cast<Errc>(status * 1000 + last);
        if (errc_name(code) == name) return code;
    }
    return std::nullopt;
}

void read_message(JsonValue message, Said& said);

void read_object(JsonValue object, Said& said) {
    if (auto number = object.find("errorCode").integer(); number && *number > 0 && *number < 1'000'000) {
        said.number = static_cast<int>(*number);
    }
    read_message(object.find("message"), said);
    read_message(object.find("Message"), said);
}

void read_message(JsonValue message, Said& said) {
    if (!message.is_string()) return;
    const std::string_view text = message.string();
    constexpr std::string_view prefix = "ErrorCode:";
    if (text.substr(0, prefix.size()) == prefix) {
        const auto parts = split(text.substr(prefix.size()), ';');
        said.name = parts[0];
        if (parts.size() > 1) said.text = text.substr(prefix.size() + parts[0].size() + 1);
        return;
    }
    if (auto nested = JsonDocument::parse(text); nested && nested->root().is_object()) {
        read_object(nested->root(), said);
        return;
    }
    said.text = text;
}

}  // namespace

Error service_error(int status, std::string_view header_name, std::string_view body) {
    Said said;
    if (auto document = JsonDocument::parse(body); document && document->root().is_object()) {
        read_object(document->root(), said);
    } else if (!body.empty()) {
        said.text = std::string(body.substr(0, 500));
    }
    Error error{static_cast<Errc>(status * 1000), std::move(said.text)};
    if (auto code = find_errc(status, header_name)) {
        error.code = *code;
    } else if (auto named = find_errc(status, said.name)) {
        error.code = *named;
    } else if (said.number && *said.number / 1000 == status) {
        error.code = static_cast<Errc>(*said.number);
    }
    return error;
}

}  // namespace carillon
