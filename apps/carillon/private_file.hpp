#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>

namespace carillon {

/// A file with keys in it that is written whole or not at all: it appears at `finish`, readable by its owner
/// only. `-` is standard output.
class PrivateFile {
public:
    PrivateFile() = default;
    ~PrivateFile();
    PrivateFile(const PrivateFile&) = delete;
    PrivateFile& operator=(const PrivateFile&) = delete;

    /// `name` may be a directory, in which the file is called `default_name`. Fails with `io_failed`.
    Result<> open(const std::string& name, std::string_view default_name);
    std::ostream& out();
    /// Fails with `io_failed`.
    Result<> finish();

private:
    std::filesystem::path path_;
    std::filesystem::path part_;
    std::ofstream file_;
};

}  // namespace carillon
