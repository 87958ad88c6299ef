#include "operate/secrets_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace carillon {
namespace {

constexpr std::string_view removed = "<removed>";
/// A key of 32 bytes has 44 characters, one of 16 has 24.
constexpr std::size_t key_chars_min = 22;
constexpr std::size_t key_chars_certain = 42;  ///< With padding behind it.

bool is_key_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/' || c == '%' || c == '-' ||
           c == '_';
}

/// Digits of both kinds and cases, as words and paths hardly have them.
bool looks_random(std::string_view word) {
    const auto any = [word](auto is) {
        return std::any_of(word.begin(), word.end(),
                           [is](char c) { return is(static_cast<unsigned char>(c)) != 0; });
    };
    return any([](int c) { return std::isdigit(c); }) && any([](int c) { return std::isupper(c); }) &&
           any([](int c) { return std::islower(c); });
}

std::size_t end_of(std::string_view text, std::size_t from, std::string_view stops) {
    return std::min(text.find_first_of(stops, from), text.size());
}

}  // namespace

std::string redact(std::string_view text) {
    constexpr std::array<std::string_view, 5> names{"SharedAccessKey=", "sig=", "Bearer ", "Key\":\"",
                                                    "ticket="};
    constexpr std::string_view private_key = "PRIVATE KEY-----";
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::string_view rest = text.substr(at);
        if (rest.starts_with("-----BEGIN ") &&
            rest.substr(0, rest.find('\n')).find(private_key) != rest.npos) {
            const std::size_t end = text.find("-----END ", at);
            at = end == text.npos ? text.size() : end_of(text, end, "\n");
            out += removed;
            continue;
        }
        const auto* name =
            std::find_if(names.begin(), names.end(), [&](auto one) { return rest.starts_with(one); });
        if (name != names.end()) {
            out += *name;
            out += removed;
            at = end_of(text, at + name->size(), ";&\"' \n,");
            continue;
        }
        if (!is_key_char(text[at])) {
            out += text[at++];
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && is_key_char(text[end])) ++end;
        // A name before its value, as `sig=`, is looked at again where it begins.
        const std::string_view word = text.substr(at, end - at);
        const bool is_padded =
            end < text.size() && text[end] == '=' && (end + 1 == text.size() || !is_key_char(text[end + 1]));
        const bool is_key = is_padded && word.size() >= key_chars_certain;
        const bool may_be_key = word.size() >= key_chars_min && (is_padded || word.find('/') == word.npos);
        if (is_key || (may_be_key && looks_random(word))) {
            out += removed;
            while (end < text.size() && text[end] == '=') ++end;
            at = end;
            continue;
        }
        const bool may_name = std::any_of(names.begin(), names.end(), [&](std::string_view one) {
            return text.substr(at, word.size() + one.size()).find(one) != std::string_view::npos;
        });
        out += may_name ? text.substr(at, 1) : word;
        at += may_name ? 1 : word.size();
    }
    return out;
}

}  // namespace carillon
