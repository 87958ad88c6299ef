// A stream cut into frames, and what they carry. The first byte says where the stream is cut in two. Whatever
// is decoded can be encoded, and is then decoded to the same.

#include "base/result.hpp"
#include "wire/amqp/framer.hpp"
#include "wire/amqp/performatives.hpp"
#include "wire/amqp/sasl.hpp"

#include <string>
#include <vector>

namespace {

using namespace carillon;
using namespace carillon::amqp;

constexpr std::uint32_t frame_bytes_max = 65536;

void encode_again(const Performative& performative) {
    std::string out;
    if (const auto* open = std::get_if<Open>(&performative)) append_open(out, *open);
    if (const auto* begin = std::get_if<Begin>(&performative)) append_begin(out, 1, *begin);
    if (const auto* attach = std::get_if<Attach>(&performative)) append_attach(out, 1, *attach);
    if (const auto* flow = std::get_if<Flow>(&performative)) append_flow(out, 1, *flow);
    if (const auto* transfer = std::get_if<Transfer>(&performative)) {
        Bytes payload = transfer->payload;
        append_transfer(out, 1, *transfer, payload, frame_bytes_max);
    }
    if (const auto* disposition = std::get_if<Disposition>(&performative)) {
        append_disposition(out, 1, *disposition);
    }
    if (const auto* detach = std::get_if<Detach>(&performative)) append_detach(out, 1, *detach);
    if (const auto* end = std::get_if<End>(&performative)) append_end(out, 1, end->error);
    if (const auto* close = std::get_if<Close>(&performative)) append_close(out, close->error);
    const auto again = decode_performative(as_bytes(std::string_view(out).substr(frame_header_bytes)));
    CARILLON_ASSERT(again.has_value() && again->index() == performative.index());
    if (const auto* attach = std::get_if<Attach>(&performative)) {
        const auto& same = std::get<Attach>(*again);
        CARILLON_ASSERT(same.name == attach->name && same.handle == attach->handle &&
                        same.role == attach->role && same.source.address == attach->source.address);
    }
    if (const auto* transfer = std::get_if<Transfer>(&performative)) {
        const auto& same = std::get<Transfer>(*again);
        CARILLON_ASSERT(same.delivery_id == transfer->delivery_id && same.settled == transfer->settled);
    }
}

std::vector<std::string> bodies(Bytes first, Bytes second) {
    std::vector<std::string> seen;
    Framer framer(frame_bytes_max);
    for (Bytes input : {first, second}) {
        while (true) {
            const auto frame = framer.next(input);
            if (!frame) {
                seen.emplace_back("refused");
                return seen;
            }
            if (!*frame) break;
            CARILLON_ASSERT((*frame)->body.size() + frame_header_bytes <= frame_bytes_max);
            seen.emplace_back(as_text((*frame)->body));
        }
        CARILLON_ASSERT(input.empty());
    }
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Bytes stream(data + 1, size - 1);
    const std::size_t cut = stream.empty() ? 0 : data[0] % stream.size();
    const auto seen = bodies(stream.first(cut), stream.subspan(cut));
    CARILLON_ASSERT(seen == bodies(stream, {}));
    for (const std::string& body : seen) {
        if (const auto performative = decode_performative(as_bytes(body))) encode_again(*performative);
        if (const auto sasl = decode_sasl(as_bytes(body))) {
            if (const auto* offer = std::get_if<SaslMechanisms>(&*sasl))
                static_cast<void>(offer->has("PLAIN"));
            if (const auto* init = std::get_if<SaslInit>(&*sasl); init != nullptr && init->initial_response) {
                static_cast<void>(parse_plain(*init->initial_response));
            }
        }
    }
    return 0;
}
