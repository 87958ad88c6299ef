#pragma once

#include "base/json.hpp"
#include "table_layout.hpp"

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// How many cells wide a table may be, asked whenever it matters; 0 is without limit.
using TableWidth = std::function<std::size_t()>;

/// How results are written. `automatic` is a table for lists and JSON for single documents.
enum class Format { automatic, table, json, ndjson, csv, tsv, yaml };

/// Writes rows of JSON as they come, page by page, so that a listing of any length takes the memory of
/// one page. A table is as wide as `width` says, which is asked at each page (0: without limit); its columns
/// are as wide as those of its first page need them, see `fitted_columns`. csv is RFC 4180 with a header line
/// and `\n`. tsv is without a header, and what would break a cell or line is a backslash escape (IANA,
/// text/tab-separated-values, forbids it); yaml is a list of the rows.
class RowPrinter {
public:
    /// Without columns, those that suit the first row are taken: twins, device jobs and jobs have
    /// their own, anything else its members.
    RowPrinter(std::ostream& out, Format format, std::vector<Column> columns, TableWidth width);

    /// `items` are JSON text, one value each.
    void print(const std::vector<std::string>& items);
    /// Closes what was begun; call once, at the end.
    void finish();

    std::size_t count() const { return count_; }
    /// The headings of the columns that a table leaves out, separated by commas.
    std::string left_out() const;

private:
    void print_table(const std::vector<JsonDocument>& rows);
    void print_csv(const std::vector<JsonDocument>& rows);
    void print_tsv(const std::vector<JsonDocument>& rows);
    void lay_out(const std::vector<std::vector<std::string>>& lines);
    void write_line(const std::vector<std::string>& cells);

    std::ostream& out_;
    Format format_;
    std::vector<Column> columns_;
    TableWidth width_;
    std::size_t laid_out_for_ = 0;
    std::vector<std::size_t> widths_;
    std::size_t count_ = 0;
    bool has_begun_ = false;
};

/// Prints one document, indented by default.
void print_document(std::ostream& out, Format format, const std::string& json, TableWidth width);

/// The columns that suit rows like `row`.
std::vector<Column> columns_for(JsonValue row);
/// A value as a cell: text without its quotes, nothing for null, anything nested as compact JSON.
std::string cell_text(JsonValue value);
/// A field of csv, in quotes where it needs them (RFC 4180 §2).
std::string csv_field(std::string_view text);

/// A field of tsv: tabs, line ends and backslashes as `\t`, `\n`, `\r`, `\\`.
std::string tsv_field(std::string_view text);

/// That of standard output: without limit where it is not a terminal.
TableWidth standard_table_width();

}  // namespace carillon
