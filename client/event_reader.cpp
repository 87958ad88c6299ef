#include "event_reader.hpp"

namespace carillon {

Result<bool> EventReader::read(std::string_view bytes, const std::function<bool(const ServiceEvent&)>& take) {
    while (!bytes.empty()) {
        if (had_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
        had_cr_ = false;
        const auto end = bytes.find_first_of("\r\n");
        unread_ += bytes.substr(0, end);
        if (unread_.size() + event_.data.size() > event_bytes_max) {
            return fail(Errc::message_too_large, "the hub sent an event that is too large");
        }
        if (end == std::string_view::npos) break;
        had_cr_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        const std::string text = std::move(unread_);
        unread_.clear();
        if (!line(text, take)) return false;
    }
    return true;
}

bool EventReader::line(std::string_view text, const std::function<bool(const ServiceEvent&)>& take) {
    if (text.empty()) {
        if (event_.name.empty()) event_.name = "message";
        const bool goes_on = !has_data_ || take(event_);
        event_.name.clear();
        event_.data.clear();
        has_data_ = false;
        return goes_on;
    }
    const auto colon = text.find(':');
    const auto field = text.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (field == "event") {
        event_.name = value;
    } else if (field == "id") {
        event_.id = value;
    } else if (field == "data") {
        if (has_data_) event_.data += '\n';
        event_.data += value;
        has_data_ = true;
    }
    return true;
}

}  // namespace carillon
