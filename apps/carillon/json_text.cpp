#include "json_text.hpp"

#include "base/text.hpp"
#include "failure.hpp"

#include <fstream>
#include <iostream>
#include <iterator>

namespace carillon {

namespace {

/// Writes `value`; `indent` below zero keeps it on one line.
void write_json(std::string& out, JsonValue value, int indent) {
    if (!value.is_object() && !value.is_array()) {
        out += value.raw();
        return;
    }
    const bool is_object = value.is_object();
    out += is_object ? '{' : '[';
    const int inner = indent < 0 ? indent : indent + 2;
    bool is_first = true;
    for (auto item = value.first(); item.exists(); item = item.next()) {
        if (!is_first) out += ',';
        is_first = false;
        if (inner >= 0) out.append("\n").append(static_cast<std::size_t>(inner), ' ');
        if (is_object) {
            append_json_string(out, item.key());
            out += inner < 0 ? ":" : ": ";
        }
        write_json(out, item, inner);
    }
    if (!is_first && indent >= 0) out.append("\n").append(static_cast<std::size_t>(indent), ' ');
    out += is_object ? '}' : ']';
}

std::string read_up_to(std::istream& in, std::size_t bytes_max) {
    std::string text(bytes_max, '\0');
    in.read(text.data(), static_cast<std::streamsize>(bytes_max));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

}  // namespace

std::string pretty_json(JsonValue value) {
    std::string out;
    write_json(out, value, 0);
    return out;
}

std::string compact_json(JsonValue value) {
    std::string out;
    write_json(out, value, -1);
    return out;
}

JsonValue find_path(JsonValue value, std::string_view path) {
    for (const auto name : split(path, '.')) value = value.find(name);
    return value;
}

Result<std::string> read_json_argument(std::string_view flag, const std::string& argument) {
    std::string text = argument;
    if (argument == "-") {
        text = read_up_to(std::cin, json_argument_bytes_max + 1);
    } else if (!argument.empty() && argument.front() == '@') {
        std::ifstream file(argument.substr(1), std::ios::binary);
        if (!file)
            return fail_usage(std::string(flag) + ": the file " + argument.substr(1) + " cannot be read");
        text = read_up_to(file, json_argument_bytes_max + 1);
    }
    if (text.size() > json_argument_bytes_max) return fail_usage(std::string(flag) + " is too large");
    if (auto document = JsonDocument::parse(text); !document) {
        return fail_usage(std::string(flag) + " is no JSON: " + document.error().detail +
                          " (quote it for the shell, or give it as @FILE)");
    }
    return text;
}

}  // namespace carillon
