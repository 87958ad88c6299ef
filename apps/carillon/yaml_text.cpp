#include "yaml_text.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace carillon {

namespace {

/// Words that YAML 1.1 or 1.2 reads as something else than text.
constexpr std::array<std::string_view, 10> reserved{"y",     "n",  "yes", "no",   "true",
                                                    "false", "on", "off", "null", "nan"};

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// True for a word that begins with a letter and has only letters, digits and what joins them.
bool is_plain(std::string_view text) {
    if (text.empty() || !is_letter(text.front())) return false;
    const auto joins = [](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
    };
    return std::all_of(text.begin(), text.end(), joins) &&
           std::none_of(reserved.begin(), reserved.end(),
                        [text](std::string_view word) { return equals_ignoring_case(word, text); });
}

std::string yaml_string(std::string_view text) {
    if (is_plain(text)) return std::string(text);
    std::string quoted;
    append_json_string(quoted, text);
    return quoted;
}

/// Writes `value`, whose first line continues the one that was begun, and the others stand at `indent`.
void write_yaml(std::string& out, JsonValue value, std::size_t indent) {
    const bool is_object = value.is_object();
    if ((!is_object && !value.is_array()) || !value.first().exists()) {
        if (value.is_string()) {
            out += yaml_string(value.string());
        } else {
            out += is_object ? "{}" : value.is_array() ? "[]" : value.raw();
        }
        out += '\n';
        return;
    }
    bool is_first = true;
    for (JsonValue item = value.first(); item.exists(); item = item.next()) {
        if (!is_first) out.append(indent, ' ');
        is_first = false;
        if (!is_object) {
            out += "- ";
            write_yaml(out, item, indent + 2);
            continue;
        }
        out += yaml_string(item.key()) + ':';
        const bool is_block = (item.is_object() || item.is_array()) && item.first().exists();
        out += is_block ? "\n" : " ";
        if (is_block) out.append(indent + 2, ' ');
        write_yaml(out, item, indent + 2);
    }
}

}  // namespace

std::string yaml_text(JsonValue value) {
    std::string out;
    write_yaml(out, value, 0);
    return out;
}

std::string yaml_item(JsonValue value) {
    std::string out = "- ";
    write_yaml(out, value, 2);
    return out;
}

}  // namespace carillon
