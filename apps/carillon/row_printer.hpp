#pragma once

#include "base/json.hpp"

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// How results are written. `automatic` is a table for lists and JSON for single documents.
enum class Format { automatic, table, json, ndjson, csv };

/// A column of a table: a heading and the dotted path of its value.
struct Column {
    std::string title;
    std::string path;
};

/// Writes rows of JSON as they come, page by page, so that a listing of any length takes the memory of
/// one page. A table's widths are those of its first page. `cell_chars_max` cuts a table's long
/// cells (0: never); csv is RFC 4180 with a header line and `\n`.
class RowPrinter {
public:
    /// Without columns, those that suit the first row are taken: twins, device jobs and jobs have
    /// their own, anything else its members.
    RowPrinter(std::ostream& out, Format format, std::vector<Column> columns, std::size_t cell_chars_max);

    /// `items` are JSON text, one value each.
    void print(const std::vector<std::string>& items);
    /// Closes what was begun; call once, at the end.
    void finish();

    std::size_t count() const { return count_; }

private:
    void print_table(const std::vector<JsonDocument>& rows);
    void print_csv(const std::vector<JsonDocument>& rows);
    void write_line(const std::vector<std::string>& cells);

    std::ostream& out_;
    Format format_;
    std::vector<Column> columns_;
    std::size_t cell_chars_max_;
    std::vector<std::size_t> widths_;
    std::size_t count_ = 0;
    bool has_begun_ = false;
};

/// Prints one document, indented by default.
void print_document(std::ostream& out, Format format, const std::string& json, std::size_t cell_chars_max);

/// The columns that suit rows like `row`.
std::vector<Column> columns_for(JsonValue row);
/// A value as a cell: text without its quotes, nothing for null, anything nested as compact JSON.
std::string cell_text(JsonValue value);
/// A field of csv, in quotes where it needs them (RFC 4180 §2).
std::string csv_field(std::string_view text);

/// What a table's cells are cut to on standard output: a limit for a terminal, none for a pipe.
std::size_t standard_cell_chars_max();

}  // namespace carillon
