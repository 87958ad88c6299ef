#pragma once

#include "core/jobs/job_letters.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace carillon {

// Wishes and news of jobs as bytes: for parts on another node, and for the simulation. As with requests to
// shards, both sides believe each other, and what is damaged is refused all the same.

std::string encode_wish(const PartWish& wish);
/// Nothing if the bytes are no wish.
std::optional<PartWish> decode_wish(std::string_view bytes);

std::string encode_news(const PartNews& news);
/// Nothing if the bytes are no news.
std::optional<PartNews> decode_news(std::string_view bytes);

}  // namespace carillon
