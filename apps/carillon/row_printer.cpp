#include "row_printer.hpp"

#include "json_text.hpp"
#include "terminal.hpp"
#include "terminal_text.hpp"
#include "yaml_text.hpp"

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <utility>

namespace carillon {

namespace {

std::vector<std::string> texts_of(JsonValue row, const std::vector<Column>& columns) {
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

bool is_number(const std::string& text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_id(const std::string& title) {
    return title == "id" || title == "name" || title.ends_with("Id");
}

/// A time to the second, for a table that is short of room; anything else as it is.
std::string without_fraction(std::string text) {
    constexpr std::size_t second_end = 19;  // 2026-01-02T03:04:05
    const bool is_time = text.size() > second_end + 1 && text[4] == '-' && text[10] == 'T' &&
                         text[second_end] == '.' && text.back() == 'Z';
    if (is_time) text.replace(second_end, text.size() - second_end, "Z");
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

std::string tsv_field(std::string_view text) {
    std::string field;
    for (const char c : text) {
        switch (c) {
            case '\t':
                field += "\\t";
                break;
            case '\n':
                field += "\\n";
                break;
            case '\r':
                field += "\\r";
                break;
            case '\\':
                field += "\\\\";
                break;
            default:
                field += c;
        }
    }
    return field;
}

std::vector<Column> columns_for(JsonValue row) {
    if (!row.is_object()) return {{"value", ""}};
    std::vector<Column> id{{"deviceId", "deviceId"}};
    if (row.find("moduleId").exists()) id.push_back({"moduleId", "moduleId"});
    if (row.find("deviceId").exists() && row.find("properties").is_object()) {
        id.push_back({"status", "status", 2});
        id.push_back({"connectionState", "connectionState", 1});
        id.push_back({"lastActivityTime", "lastActivityTime", 4});
        id.push_back({"version", "version", 5});
        id.push_back({"tags", "tags", 3});
        return id;
    }
    if (row.find("jobType").exists() && row.find("deviceId").exists()) {
        id.push_back({"jobId", "jobId", 6});
        id.push_back({"status", "status"});
        id.push_back({"lastUpdated", "lastUpdatedDateTimeUtc", 5});
        id.push_back({"answer", "outcome.deviceMethodResponse.status", 2});
        id.push_back({"payload", "outcome.deviceMethodResponse.payload", 3});
        id.push_back({"error", "error.code", 1});
        return id;
    }
    if (row.find("jobId").exists() && row.find("type").exists()) {
        return {{"jobId", "jobId"},
                {"type", "type", 4},
                {"status", "status"},
                {"startTime", "startTime", 5},
                {"endTime", "endTime", 6},
                {"devices", "deviceJobStatistics.deviceCount", 1},
                {"succeeded", "deviceJobStatistics.succeededCount", 2},
                {"failed", "deviceJobStatistics.failedCount", 2}};
    }
    std::vector<Column> columns;
    for (auto member = row.first(); member.exists(); member = member.next()) {
        const std::string name(member.key());
        columns.push_back({name, name, static_cast<int>(columns.size())});
    }
    return columns;
}

RowPrinter::RowPrinter(std::ostream& out, Format format, std::vector<Column> columns, TableWidth width)
    : out_(out),
      format_(format == Format::automatic ? Format::table : format),
      columns_(std::move(columns)),
      width_(std::move(width)) {}

std::string RowPrinter::left_out() const {
    std::string titles;
    for (std::size_t i = 0; i < widths_.size(); ++i) {
        if (widths_[i] == 0) titles += (titles.empty() ? "" : ", ") + columns_[i].title;
    }
    return titles;
}

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
        case Format::tsv:
            print_tsv(rows);
            break;
        case Format::yaml:
            for (const auto& row : rows) out_ << yaml_item(row.root());
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
    if (format_ == Format::yaml && !has_begun_) out_ << "[]\n";
    if (format_ == Format::json) out_ << (has_begun_ ? "\n]\n" : "[]\n");
    out_.flush();
}

void RowPrinter::print_table(const std::vector<JsonDocument>& rows) {
    std::vector<std::vector<std::string>> lines;
    if (!has_begun_) lines.push_back(titles_of(columns_));
    for (const auto& row : rows) {
        auto cells = texts_of(row.root(), columns_);
        for (auto& cell : cells) cell = on_one_line(std::move(cell));
        lines.push_back(std::move(cells));
    }
    lay_out(lines);
    for (const auto& line : lines) write_line(line);
}

void RowPrinter::lay_out(const std::vector<std::vector<std::string>>& lines) {
    const std::size_t width = width_ ? width_() : 0;
    if (!widths_.empty() && width == laid_out_for_) return;
    laid_out_for_ = width;
    std::vector<ColumnWish> wishes;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        ColumnWish wish{.rank = columns_[i].rank, .is_whole = true};
        for (const auto& line : lines) {
            const bool is_title = !has_begun_ && &line == &lines.front();
            const std::string text = width > 0 ? without_fraction(line[i]) : line[i];
            wish.cells = std::max(wish.cells, cells_of(text));
            if (!is_title && !text.empty() && !is_number(text) && text.size() == line[i].size()) {
                wish.is_whole = is_id(columns_[i].title);
            }
        }
        // An empty heading over empty cells is a column all the same.
        wish.cells = std::max<std::size_t>(wish.cells, 1);
        wishes.push_back(wish);
    }
    widths_ = fitted_columns(wishes, width);
}

void RowPrinter::write_line(const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (widths_[i] == 0) continue;
        const bool is_limited = laid_out_for_ > 0;
        const std::string cell = is_limited ? cut_to_cells(without_fraction(cells[i]), widths_[i]) : cells[i];
        text += cell;
        const std::size_t taken = cells_of(cell);
        text.append(widths_[i] > taken ? widths_[i] - taken : 0, ' ');
        text.append(column_gap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out_ << text << '\n';
}

void RowPrinter::print_csv(const std::vector<JsonDocument>& rows) {
    std::vector<std::vector<std::string>> lines;
    if (!has_begun_) lines.push_back(titles_of(columns_));
    for (const auto& row : rows) lines.push_back(texts_of(row.root(), columns_));
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) out_ << (i == 0 ? "" : ",") << csv_field(line[i]);
        out_ << '\n';
    }
}

void RowPrinter::print_tsv(const std::vector<JsonDocument>& rows) {
    for (const auto& row : rows) {
        const auto cells = texts_of(row.root(), columns_);
        for (std::size_t i = 0; i < cells.size(); ++i) out_ << (i == 0 ? "" : "\t") << tsv_field(cells[i]);
        out_ << '\n';
    }
}

void print_document(std::ostream& out, Format format, const std::string& json, TableWidth width) {
    if (format == Format::yaml) {
        if (const auto document = JsonDocument::parse(json)) out << yaml_text(document->root());
        out.flush();
        return;
    }
    if (format != Format::automatic && format != Format::json) {
        RowPrinter printer(out, format, {}, std::move(width));
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

TableWidth standard_table_width() {
    return [] { return terminal_width(stdout); };
}

}  // namespace carillon
