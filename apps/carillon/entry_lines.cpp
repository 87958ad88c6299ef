#include "entry_lines.hpp"

#include "base/text.hpp"
#include "terminal_text.hpp"

#include <algorithm>
#include <array>

namespace carillon {

namespace {

constexpr std::array<std::string_view, 9> import_modes{"create",
                                                       "update",
                                                       "updateIfMatchETag",
                                                       "createOrUpdate",
                                                       "createOrUpdateIfMatchETag",
                                                       "delete",
                                                       "deleteIfMatchETag",
                                                       "updateTwin",
                                                       "updateTwinIfMatchETag"};

}  // namespace

std::optional<std::string> with_import_mode(std::string_view json, std::string_view mode) {
    const auto document = JsonDocument::parse(json);
    if (!document || !document->root().is_object()) return std::nullopt;
    std::string text;
    JsonWriter out(text);
    out.begin_object();
    for (JsonValue member = document->root().first(); member.exists(); member = member.next()) {
        if (member.key() != "importMode") out.member_raw(member.key(), member.raw());
    }
    out.member("importMode", mode).end_object();
    return text;
}

bool is_import_mode(std::string_view word) {
    return std::any_of(import_modes.begin(), import_modes.end(),
                       [word](std::string_view mode) { return equals_ignoring_case(mode, word); });
}

bool is_container_uri(std::string_view text) {
    const std::string lower = to_lower(text.substr(0, 6));
    return lower.starts_with("https:") || lower.starts_with("http:") || lower.starts_with("file:");
}

EntryBatch::Added EntryBatch::add(std::string_view text, std::uint64_t line, RefusedLine& refused) {
    std::string entry(text);
    if (!mode_.empty()) {
        // What is not an object stays as it is, for the check below to refuse.
        if (auto changed = with_import_mode(text, mode_)) entry = *std::move(changed);
    }
    ImportName name;
    const auto parsed = ImportEntry::parse(entry, name);
    if (!parsed) {
        refused = {line, import_error_json(name, parsed.error(), line)};
        return Added::refused;
    }
    const bool fits =
        places_.size() < entries_max && (entries_.empty() || entries_.size() + entry.size() < bytes_max);
    const Key key(name.device, name.module);
    if (!fits || places_.contains(key)) return Added::full;
    if (places_.empty()) first_line_ = line;
    last_line_ = line;
    places_.emplace(key, line);
    if (!entries_.empty()) entries_ += ',';
    entries_ += entry;
    return Added::yes;
}

Result<std::vector<RefusedLine>> EntryBatch::read_answer(std::string_view answer) const {
    const auto document = JsonDocument::parse(answer);
    if (!document || !document->root().find("isSuccessful").is_boolean()) {
        return fail(Errc::malformed_packet, "the hub's answer to a bulk request is malformed");
    }
    std::vector<RefusedLine> refused;
    for (JsonValue error = document->root().find("errors").first(); error.exists(); error = error.next()) {
        const Key key(error.find("deviceId").string(), error.find("moduleId").string());
        const auto place = places_.find(key);
        RefusedLine one;
        if (place != places_.end()) one.line = place->second;
        JsonWriter out(one.json);
        out.begin_object();
        if (one.line > 0) out.member("line", one.line);
        for (JsonValue member = error.first(); member.exists(); member = member.next()) {
            out.member_raw(member.key(), member.raw());
        }
        out.end_object();
        refused.push_back(std::move(one));
    }
    std::sort(refused.begin(), refused.end(),
              [](const RefusedLine& a, const RefusedLine& b) { return a.line < b.line; });
    return refused;
}

void EntryBatch::clear() {
    entries_.clear();
    places_.clear();
}

std::string transfer_progress_line(std::uint64_t lines, std::uint64_t refused, double seconds,
                                   std::optional<int> percent) {
    std::string text = with_thousands(lines) + (lines == 1 ? " line" : " lines");
    if (percent) text += " (" + std::to_string(*percent) + " %)";
    if (seconds >= 1 && lines > 0) {
        text +=
            ", " + with_thousands(static_cast<std::uint64_t>(static_cast<double>(lines) / seconds)) + "/s";
    }
    if (refused > 0) text += ", " + with_thousands(refused) + " refused";
    return text;
}

}  // namespace carillon
