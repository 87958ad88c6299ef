// What one node of a cluster reads from another of a job's wishes and news. The first byte says which of them
// the rest is. What is taken says the same again.

#include "core/jobs/job_mail_bytes.hpp"

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>

namespace {

using namespace carillon;

void take_wish(std::string_view bytes) {
    const auto wish = decode_wish(bytes);
    if (!wish) return;
    const std::string once = encode_wish(*wish);
    const auto again = decode_wish(once);
    CARILLON_ASSERT(again && encode_wish(*again) == once);
}

void take_news(std::string_view bytes) {
    const auto news = decode_news(bytes);
    if (!news) return;
    const std::string once = encode_news(*news);
    const auto again = decode_news(once);
    CARILLON_ASSERT(again && encode_news(*again) == once);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view bytes = as_text({data + 1, size - 1});
    if (data[0] == 0) take_wish(bytes);
    if (data[0] == 1) take_news(bytes);
    return 0;
}
