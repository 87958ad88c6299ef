#include "private_file.hpp"

#include <sys/stat.h>
#include <cerrno>
#include <cstring>
#include <iostream>

namespace carillon {

PrivateFile::~PrivateFile() {
    std::error_code ignored;
    if (!part_.empty()) std::filesystem::remove(part_, ignored);
}

Result<> PrivateFile::open(const std::string& name, std::string_view default_name) {
    if (name == "-") return {};
    std::error_code ignored;
    path_ = name;
    if (std::filesystem::is_directory(path_, ignored)) path_ /= default_name;
    part_ = path_.string() + ".part";
    const auto mask = ::umask(0077);
    file_.open(part_, std::ios::binary | std::ios::trunc);
    ::umask(mask);
    if (!file_) return fail(Errc::io_failed, part_.string() + ": " + std::strerror(errno));
    return {};
}

std::ostream& PrivateFile::out() {
    return path_.empty() ? std::cout : file_;
}

Result<> PrivateFile::finish() {
    out().flush();
    if (!out())
        return fail(Errc::io_failed, "the export could not be written: " + std::string(std::strerror(errno)));
    if (path_.empty()) return {};
    file_.close();
    std::error_code error;
    std::filesystem::rename(part_, path_, error);
    if (error) return fail(Errc::io_failed, path_.string() + ": " + error.message());
    part_.clear();
    return {};
}

}  // namespace carillon
