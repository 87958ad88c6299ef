#include "core/events/event_start.hpp"

namespace carillon {

bool fits_wildcard(std::string_view pattern, std::string_view text) {
    std::size_t at = 0;
    std::size_t star = std::string_view::npos;  // The last star seen, and up to where it reaches so far.
    std::size_t reached = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            reached = i;
        } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[i])) {
            ++at;
            ++i;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            i = ++reached;
        } else {
            return false;
        }
    }
    while (at < pattern.size() && pattern[at] == '*') ++at;
    return at == pattern.size();
}

bool EventFilter::fits(std::string_view device_id, std::string_view module_id) const {
    return (device.empty() || fits_wildcard(device, device_id)) &&
           (module.empty() || fits_wildcard(module, module_id));
}

}  // namespace carillon
