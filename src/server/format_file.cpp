#include "server/format_file.hpp"

#include "base/text.hpp"
#include "server/private_file.hpp"
#include "store/crc32c.hpp"

#include <fmt/core.h>

namespace carillon {
namespace {

std::filesystem::path path_in(const std::filesystem::path& data_dir) {
    return data_dir / "format";
}

std::string text_of_this_program() {
    const std::string said = fmt::format("{} carillon {}", data_format, CARILLON_VERSION);
    return fmt::format("{} crc32c {:08x}\n", said, crc32c(0, said));
}

}  // namespace

Error later_format(std::string_view what, std::int64_t format, std::string_view writer) {
    return {
        Errc::store_failed,
        fmt::format("{} has format {}, which {} wrote; this is carillon {}, which reads formats up to {}.\n"
                    "Nothing was changed. Run the program that wrote it or a later one. To go back to this "
                    "version, restore\na backup that was made with it (carillon backup restore) into an "
                    "empty directory.",
                    what, format, writer, CARILLON_VERSION, data_format)};
}

Result<> check_format_file(const std::filesystem::path& data_dir) {
    const auto path = path_in(data_dir);
    const auto text = read_file(path);
    if (!text && text.error().code == Errc::not_found_locally) return {};
    if (!text) return fail(text.error());
    const std::string_view line = trimmed(*text);
    const std::string_view said = line.substr(0, line.rfind(" crc32c "));
    const auto space = said.find(' ');
    const auto format = parse_i64(said.substr(0, space));
    if (!format || *format < 1 || line != fmt::format("{} crc32c {:08x}", said, crc32c(0, said))) {
        return fail(Errc::store_corrupt,
                    path.string() +
                        " is damaged: its checksum is wrong.\nNothing was changed. If `carillon store "
                        "check` names nothing else, remove it: the next start makes a new\none.");
    }
    if (*format <= data_format) return {};
    const std::string_view writer =
        space == std::string_view::npos ? "a later program" : said.substr(space + 1);
    return fail(later_format(data_dir.string(), *format, writer));
}

Result<> write_format_file(const std::filesystem::path& data_dir) {
    const std::string text = text_of_this_program();
    if (const auto there = read_file(path_in(data_dir)); there && *there == text) return {};
    return write_file(path_in(data_dir), text, Readable::by_owner);
}

}  // namespace carillon
