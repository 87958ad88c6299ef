#include "json_text.hpp"

#include "base/text.hpp"
#include "failure.hpp"
#include "text_input.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
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

/// What an argument stands for.
struct Given {
    std::string text;
    std::string source;  ///< A file's name, or `standard input`; empty for the argument itself.
};

Result<Given> read_given(const std::string& argument) {
    if (argument == "-") return Given{read_up_to(std::cin, json_argument_bytes_max + 1), "standard input"};
    if (argument.empty() || argument.front() != '@') return Given{argument, {}};
    const std::string name = argument.substr(1);
    std::error_code ignored;
    if (std::filesystem::is_directory(name, ignored)) return fail_usage(name + " is a directory");
    std::ifstream file(name, std::ios::binary);
    if (!file) return fail_usage(name + ": " + std::strerror(errno));
    return Given{read_up_to(file, json_argument_bytes_max + 1), name};
}

/// What to do about text that is not JSON.
std::string json_hint(const Given& given, const std::string& argument) {
    if (!given.source.empty()) return {};
    std::error_code ignored;
    if (std::filesystem::exists(argument, ignored)) return "; for the file write @" + argument;
    return "; quote it for the shell, or give a file as @FILE";
}

/// The fault in the words of `JsonDocument::parse`, with its place as editors count.
std::string json_fault(std::string_view text, const Error& error, bool is_file) {
    constexpr std::string_view lead = "not valid JSON at byte ";
    const std::string& detail = error.detail;
    const std::size_t colon = detail.find(": ");
    const auto byte = detail.starts_with(lead) && colon != detail.npos
                          ? parse_u64(std::string_view(detail).substr(lead.size(), colon - lead.size()))
                          : std::nullopt;
    if (!byte) return detail;
    const bool is_one_line = text.find('\n') == text.npos;
    const std::string place = is_one_line && !is_file ? "at byte " + std::to_string(*byte)
                                                      : place_in(text, static_cast<std::size_t>(*byte));
    return place + ": not valid JSON: " + detail.substr(colon + 2);
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
    auto given = read_given(argument);
    const std::string name(flag);
    if (!given) return fail_usage(name + ": " + given.error().detail);
    const std::string& source = given->source;
    const std::string where = name + ": " + source;
    const std::string what = source.empty() ? name : where;
    if (given->text.size() > json_argument_bytes_max) return fail_usage(what + " is larger than 64 MiB");
    const auto text = without_byte_order_mark(given->text);
    if (!text) return fail_usage(what + ": " + text.error().detail);
    if (text->find_first_not_of(" \t\r\n") == text->npos) {
        return fail_usage(source.empty() ? name + " is empty; give JSON, or a file as @FILE"
                                         : where + " is empty");
    }
    if (auto document = JsonDocument::parse(*text); !document) {
        return fail_usage(what + (source.empty() ? ": " : ", ") +
                          json_fault(*text, document.error(), !source.empty()) + json_hint(*given, argument));
    }
    return std::string(*text);
}

}  // namespace carillon
