// What one node of a cluster reads from another at the beginning of a line. What is taken says the same
// again.

#include "cluster/line_hello.hpp"

#include "base/result.hpp"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    const Bytes bytes{data, size};
    const auto expected = hello_bytes(bytes);
    CARILLON_ASSERT(!expected || !*expected || **expected <= LineHello::bytes_max);
    const auto hello = decode_hello(bytes);
    if (!hello) return 0;
    CARILLON_ASSERT(expected && *expected && **expected == size);
    const auto again = decode_hello(as_bytes(encode_hello(*hello)));
    CARILLON_ASSERT(again && again->peer.address == hello->peer.address &&
                    again->peer.chain == hello->peer.chain &&
                    again->peer.certificate.has_value() == hello->peer.certificate.has_value());
    static_cast<void>(address_bytes(hello->peer.address));
    return 0;
}
