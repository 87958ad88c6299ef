// A request of a back end, and its answer, as one node of a cluster reads them from another. The first byte says
// which of them the rest is. What is taken says the same again, and an answer is no two.

#include "endpoint/rest/relay/passed_request.hpp"

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    if (size == 0) return 0;
    const std::string_view bytes = as_text({data + 1, size - 1});
    if (data[0] % 2 == 0) {
        const auto request = rest::decode_passed_request(bytes);
        if (!request) return 0;
        CARILLON_ASSERT(rest::decode_passed_request(rest::encode_passed(*request)));
        CARILLON_ASSERT(rest::request_of(*request).fields.size() == request->fields.size());
    } else {
        auto answer = rest::decode_passed_answer(bytes);
        if (!answer) return 0;
        CARILLON_ASSERT(rest::decode_passed_answer(rest::encode_passed(*answer)));
        std::string head;
        rest::append_head(head, rest::response_of(*std::move(answer)), "today");
        CARILLON_ASSERT(head.find("\r\n\r\n") == head.size() - 4);
    }
    return 0;
}
