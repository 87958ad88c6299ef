#pragma once

#include <cstdint>
#include <string_view>

namespace carillon {

enum class JobType : std::uint8_t { device_method = 1, update_twin = 2 };
std::string_view job_type_text(JobType type);

inline constexpr std::size_t job_id_chars_max = 64;
/// True if `id` may name a job: `[A-Za-z0-9'-]{1,64}`, which is what the service takes plus upper
/// case, which its SDKs' own tests use.
bool is_valid_job_id(std::string_view id);

}  // namespace carillon
