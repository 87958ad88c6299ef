#include "core/messages/files/file_name.hpp"

#include "base/text.hpp"
#include "core/messages/files/file_limits.hpp"

#include <algorithm>

namespace carillon {

Result<> check_file_name(std::string_view name) {
    const auto refuse = [](const char* why) { return fail(Errc::argument_invalid, why); };
    if (name.empty() || name.size() > FileLimits::name_bytes_max)
        return refuse("blobName must have 1 to 1024 bytes.");
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    if (!is_utf8(name) || std::any_of(name.begin(), name.end(), is_control)) {
        return refuse("blobName must be text without control characters.");
    }
    const auto parts = split(name, '/');
    if (parts.size() > FileLimits::name_parts_max) return refuse("blobName has too many parts.");
    for (const std::string_view part : parts) {
        if (part.empty() || part == "." || part == "..") {
            return refuse("The parts of blobName between slashes must not be empty, '.' or '..'.");
        }
        if (part.size() > FileLimits::name_part_bytes_max) {
            return refuse("A part of blobName between slashes is longer than 255 bytes.");
        }
    }
    return {};
}

std::string file_directory(const DeviceId& device) {
    const std::string& id = device.str();
    if (id == ".") return "%2E";
    if (id == "..") return "%2E%2E";
    std::string name;
    for (const char c : id) {
        if (c == '%') {
            name += "%25";
        } else {
            name += c;
        }
    }
    return name;
}

}  // namespace carillon
