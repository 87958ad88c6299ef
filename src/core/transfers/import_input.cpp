#include "core/transfers/import_input.hpp"

#include "core/shard/placement.hpp"

#include <fmt/core.h>

namespace carillon {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

ImportInput::ImportInput(std::unique_ptr<BlobReader> blob, const ImportLimits& limits,
                         std::size_t shard_count, std::uint64_t offset, std::uint64_t lines)
    : blob_(std::move(blob)), limits_(limits), shard_count_(shard_count), offset_(offset), lines_(lines) {}

/// Takes the next line off the blob, without its end; of one that is too long, nothing.
Result<ImportInput::Found> ImportInput::next_line(std::string& line) {
    bool is_too_long = false;
    std::size_t looked = begin_;
    for (;;) {
        const std::size_t newline = buffer_.find('\n', looked);
        if (newline != std::string::npos) {
            is_too_long = is_too_long || newline - begin_ > limits_.line_bytes_max;
            if (!is_too_long) line.assign(buffer_, begin_, newline - begin_);
            offset_ += newline + 1 - begin_;
            begin_ = newline + 1;
            ++lines_;
            return is_too_long ? Found::too_long : Found::line;
        }
        buffer_.erase(0, begin_);
        begin_ = 0;
        if (buffer_.size() > limits_.line_bytes_max) {
            is_too_long = true;
            offset_ += buffer_.size();
            buffer_.clear();
        }
        looked = buffer_.size();
        if (!is_at_end_) {
            auto more = blob_->read(limits_.read_bytes_max);
            if (!more) return fail(std::move(more).error());
            is_at_end_ = more->empty();
            buffer_ += *more;
            continue;
        }
        // What stands behind the last newline is a line too.
        if (buffer_.empty() && !is_too_long) return Found::end;
        offset_ += buffer_.size();
        line = std::exchange(buffer_, {});
        ++lines_;
        return is_too_long ? Found::too_long : Found::line;
    }
}

void ImportInput::read_entry(ImportChunk& chunk, std::string line) {
    ImportName name;
    auto entry = ImportEntry::parse(std::move(line), name);
    if (!entry) {
        chunk.bad.push_back({lines_, import_error_json(name, entry.error(), lines_)});
        return;
    }
    ImportChunk::Share& share = chunk.shares[shard_number(entry->key().device.str(), shard_count_)];
    share.entries.push_back(*std::move(entry));
    share.lines.push_back(lines_);
}

Result<ImportChunk> ImportInput::next() {
    ImportChunk chunk;
    chunk.shares.resize(shard_count_);
    const std::uint64_t first_offset = offset_;
    const std::uint64_t first_line = lines_;
    std::string line;
    while (lines_ - first_line < limits_.chunk_lines_max &&
           offset_ - first_offset < limits_.chunk_bytes_max) {
        const auto found = next_line(line);
        if (!found) return fail(found.error());
        if (*found == Found::end) {
            chunk.is_last = true;
            break;
        }
        if (*found == Found::too_long) {
            const Error error{Errc::argument_invalid,
                              fmt::format("A line takes at most {} bytes.", limits_.line_bytes_max)};
            chunk.bad.push_back({lines_, import_error_json({}, error, lines_)});
            continue;
        }
        if (lines_ == 1 && line.starts_with(byte_order_mark)) line.erase(0, byte_order_mark.size());
        const std::size_t content = line.find_first_not_of(" \t\r");
        if (content == std::string::npos) continue;
        if (lines_ == 1 && line[content] != '{') {
            chunk.skipped_heading = true;
            continue;
        }
        read_entry(chunk, std::move(line));
        line = {};
    }
    chunk.lines = lines_;
    chunk.offset = offset_;
    return chunk;
}

}  // namespace carillon
