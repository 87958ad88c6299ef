#include "server/backup/backup_files.hpp"

#include "base/text.hpp"
#include "server/backup/backup_format.hpp"
#include "store/crc32c.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <array>
#include <charconv>

namespace carillon {
namespace {

constexpr std::string_view last_line_begin = "crc32c ";

std::optional<std::uint32_t> parse_hex(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (text.size() != 8 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<BackupFile> parse_line(std::string_view line) {
    std::array<std::string_view, 4> fields;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const std::size_t blank = line.find(' ');
        if ((blank == std::string_view::npos) != (i + 1 == fields.size())) return std::nullopt;
        fields[i] = line.substr(0, blank);
        if (blank != std::string_view::npos) line.remove_prefix(blank + 1);
    }
    const auto bytes = parse_u64(fields[1]);
    const auto checksum = parse_hex(fields[2]);
    const bool has_none = fields[2] == "-";
    const bool is_named = !fields[0].empty() && fields[0].size() < tar_name_bytes_max;
    if (!is_named || !bytes || (!checksum && !has_none) || !is_backup_id(fields[3])) return std::nullopt;
    return BackupFile{std::string(fields[0]), *bytes, checksum, std::string(fields[3])};
}

}  // namespace

bool is_backup_id(std::string_view text) {
    return text.size() == 32 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
}

std::string to_text(const std::vector<BackupFile>& files) {
    std::string text;
    for (const BackupFile& file : files) {
        const std::string checksum = file.checksum ? fmt::format("{:08x}", *file.checksum) : "-";
        text += fmt::format("{} {} {} {}\n", file.name, file.bytes, checksum, file.archive);
    }
    const std::uint32_t all = crc32c(0, text);
    return text + fmt::format("{}{:08x}\n", last_line_begin, all);
}

Result<std::vector<BackupFile>> parse_backup_files(std::string_view text) {
    const auto damaged = [] {
        return fail(Errc::store_corrupt, "store.files does not hold what was written");
    };
    if (text.size() > backup_files_bytes_max || !text.ends_with('\n')) return damaged();
    const std::size_t before = text.substr(0, text.size() - 1).rfind('\n');
    const std::size_t end = before == std::string_view::npos ? 0 : before + 1;
    if (text.substr(end) != fmt::format("{}{:08x}\n", last_line_begin, crc32c(0, text.substr(0, end)))) {
        return damaged();
    }
    std::vector<BackupFile> files;
    for (std::string_view lines = text.substr(0, end); !lines.empty();) {
        const std::size_t line_end = lines.find('\n');
        auto file = parse_line(lines.substr(0, line_end));
        if (!file || files.size() == backup_members_max) return damaged();
        files.push_back(*std::move(file));
        lines.remove_prefix(line_end + 1);
    }
    return files;
}

}  // namespace carillon
