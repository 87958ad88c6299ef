#include "provisioning/certificate_file.hpp"

#include "failure.hpp"
#include "provisioning/enrollment_request.hpp"
#include "talk.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace carillon {

namespace {

/// Far beyond what any certificate takes; a device node would not end.
constexpr std::size_t certificate_file_bytes_max = 64 * 1024;

}  // namespace

Result<> read_certificate_file(const char* flag, const std::string& file, std::string& into) {
    if (file.empty()) return {};
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail_usage(std::string(flag) + ": " + file + ": " + std::strerror(errno));
    std::string text(certificate_file_bytes_max, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    auto certificate = certificate_of_pem(flag, text);
    if (!certificate) return fail(std::move(certificate).error());
    into = *std::move(certificate);
    return {};
}

}  // namespace carillon
