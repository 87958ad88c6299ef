#include "model/jobs/job_type.hpp"

#include <algorithm>

namespace carillon {

std::string_view job_type_text(JobType type) {
    return type == JobType::device_method ? "scheduleDeviceMethod" : "scheduleUpdateTwin";
}

bool is_valid_job_id(std::string_view id) {
    if (id.empty() || id.size() > job_id_chars_max) return false;
    return std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '\'';
    });
}

}  // namespace carillon
