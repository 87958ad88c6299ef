#include "row_printer.hpp"

#include "json_text.hpp"

#include <unistd.h>
#include <algorithm>
#include <ostream>

namespace carillon {

namespace {

/// Characters, not bytes: UTF-8 continuation bytes do not count.
std::size_t char_count(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cut(std::string text, std::size_t chars_max) {
    if (chars_max == 0 || char_count(text) <= chars_max) return text;
    std::size_t kept = 0;
    std::size_t end = 0;
    while (end < text.size() && (kept < chars_max - 1 || (text[end] & 0xC0) == 0x80)) {
        if ((text[end] & 0xC0) != 0x80) ++kept;
        ++end;
    }
    text.resize(end);
    return text + "…";
}

std::vector<std::string> cells_of(JsonValue row, const std::vector<Column>& columns) {
    std::vector<std::string> cells;
    for (const auto& column : columns) {
        cells.push_back(cell_text(column.path.empty() ? row : find_path(row, column.path)));
    }
    return cells;
}

std::vector<std::string> titles_of(const std::vector<Column>& columns) {
    std::vector<std::string> titles;
    for (const auto& column : columns) titles.push_back(column.title);
    return titles;
}

/// Control characters would move the cursor or break the line.
std::string on_one_line(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    return text;
}

}  // namespace

std::string cell_text(JsonValue value) {
    if (value.is_null_or_absent()) return {};
    if (value.is_string()) return std::string(value.string());
    return compact_json(value);
}

std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::vector<Column> columns_for(JsonValue row) {
    if (!row.is_object()) return {{"value", ""}};
    std::vector<Column> id{{"deviceId", "deviceId"}};
    if (row.find("moduleId").exists()) id.push_back({"moduleId", "moduleId"});
    if (row.find("deviceId").exists() && row.find("properties").is_object()) {
        for (const char* name : {"status", "connectionState", "lastActivityTime", "version", "tags"}) {
            id.push_back({name, name});
        }
        return id;
    }
    if (row.find("jobType").exists() && row.find("deviceId").exists()) {
        id.push_back({"jobId", "jobId"});
        id.push_back({"status", "status"});
        id.push_back({"lastUpdated", "lastUpdatedDateTimeUtc"});
        id.push_back({"answer", "outcome.deviceMethodResponse.status"});
        id.push_back({"payload", "outcome.deviceMethodResponse.payload"});
        id.push_back({"error", "error.code"});
        return id;
    }
    if (row.find("jobId").exists() && row.find("type").exists()) {
        return {{"jobId", "jobId"},
                {"type", "type"},
                {"status", "status"},
                {"startTime", "startTime"},
                {"endTime", "endTime"},
                {"devices", "deviceJobStatistics.deviceCount"},
                {"succeeded", "deviceJobStatistics.succeededCount"},
                {"failed", "deviceJobStatistics.failedCount"}};
    }
    std::vector<Column> columns;
    for (auto member = row.first(); member.exists(); member = member.next()) {
        const std::string name(member.key());
        columns.push_back({name, name});
    }
    return columns;
}

RowPrinter::RowPrinter(std::ostream& out, Format format, std::vector<Column> columns,
                       std::size_t cell_chars_max)
    : out_(out),
      format_(format == Format::automatic ? Format::table : format),
      columns_(std::move(columns)),
      cell_chars_max_(cell_chars_max) {}

void RowPrinter::print(const std::vector<std::string>& items) {
    std::vector<JsonDocument> rows;
    for (const auto& item : items) {
        if (auto row = JsonDocument::parse(item)) rows.push_back(std::move(*row));
    }
    if (rows.empty()) return;
    if (columns_.empty()) columns_ = columns_for(rows.front().root());
    switch (format_) {
        case Format::automatic:
        case Format::table:
            print_table(rows);
            break;
        case Format::csv:
            print_csv(rows);
            break;
        case Format::ndjson:
            for (const auto& row : rows) out_ << compact_json(row.root()) << '\n';
            break;
        case Format::json:
            for (const auto& row : rows) {
                out_ << (has_begun_ ? ",\n" : "[\n") << pretty_json(row.root());
                has_begun_ = true;
            }
            break;
    }
    has_begun_ = true;
    count_ += rows.size();
    out_.flush();
}

void RowPrinter::finish() {
    if (format_ == Format::json) out_ << (has_begun_ ? "\n]\n" : "[]\n");
    out_.flush();
}

void RowPrinter::print_table(const std::vector<JsonDocument>& rows) {
    std::vector<std::vector<std::string>> lines;
    if (!has_begun_) lines.push_back(titles_of(columns_));
    for (const auto& row : rows) {
        auto cells = cells_of(row.root(), columns_);
        for (auto& cell : cells) cell = cut(on_one_line(std::move(cell)), cell_chars_max_);
        lines.push_back(std::move(cells));
    }
    if (widths_.empty()) {
        widths_.assign(columns_.size(), 0);
        for (const auto& line : lines) {
            for (std::size_t i = 0; i < line.size(); ++i)
                widths_[i] = std::max(widths_[i], char_count(line[i]));
        }
    }
    for (const auto& line : lines) write_line(line);
}

void RowPrinter::write_line(const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        text += cells[i];
        const std::size_t chars = char_count(cells[i]);
        text.append(widths_[i] > chars ? widths_[i] - chars : 0, ' ');
        text += "  ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out_ << text << '\n';
}

void RowPrinter::print_csv(const std::vector<JsonDocument>& rows) {
    std::vector<std::vector<std::string>> lines;
    if (!has_begun_) lines.push_back(titles_of(columns_));
    for (const auto& row : rows) lines.push_back(cells_of(row.root(), columns_));
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) out_ << (i == 0 ? "" : ",") << csv_field(line[i]);
        out_ << '\n';
    }
}

void print_document(std::ostream& out, Format format, const std::string& json, std::size_t cell_chars_max) {
    if (format != Format::automatic && format != Format::json) {
        RowPrinter printer(out, format, {}, cell_chars_max);
        printer.print({json});
        printer.finish();
        return;
    }
    if (auto document = JsonDocument::parse(json)) {
        out << pretty_json(document->root()) << '\n';
    } else {
        out << json << '\n';
    }
    out.flush();
}

std::size_t standard_cell_chars_max() {
    constexpr std::size_t terminal_cell_chars_max = 48;
    return isatty(STDOUT_FILENO) != 0 ? terminal_cell_chars_max : 0;
}

}  // namespace carillon
