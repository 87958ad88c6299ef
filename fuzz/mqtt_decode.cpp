// MQTT bytes through the framer, whole and cut, and through every decoder: a stream gives the same
// packets however it is cut, and what is decoded encodes back to what it was.

#include "base/result.hpp"
#include "wire/mqtt/client_decode.hpp"
#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/encode.hpp"
#include "wire/mqtt/framer.hpp"
#include "wire/mqtt/hub_topics.hpp"
#include "wire/mqtt/property_bag.hpp"
#include "wire/mqtt/user_name.hpp"

#include <string>
#include <vector>

namespace {

using namespace carillon;
using namespace carillon::mqtt;

/// The packets of a stream, each as its header and body; then `error` if the stream ends in one.
std::vector<std::string> frames(Bytes stream, std::size_t cut) {
    Framer framer(PacketLimits::packet_bytes_max);
    std::vector<std::string> out;
    for (Bytes input : {stream.first(cut), stream.subspan(cut)}) {
        while (true) {
            const auto packet = framer.next(input);
            if (!packet) {
                out.emplace_back("error");
                return out;
            }
            if (!*packet) break;
            out.push_back(std::string(1, static_cast<char>((*packet)->header)) +
                          std::string(as_text((*packet)->body)));
        }
        CARILLON_ASSERT(framer.pending() <= stream.size());
    }
    return out;
}

Packet packet_of(const std::string& frame) {
    const Bytes bytes = as_bytes(frame);
    return {.header = bytes[0], .body = bytes.subspan(1)};
}

/// What `encoded` holds must be `frame`.
void expect_same(const std::string& encoded, const std::string& frame) {
    const auto again = frames(as_bytes(encoded), 0);
    CARILLON_ASSERT(again.size() == 1 && again[0] == frame);
}

void try_topics(const Publish& publish) {
    for (const ClientIdentity identity : {ClientIdentity{"d1", {}}, ClientIdentity{"d1", "m1"}}) {
        const auto topic = parse_publish_topic(publish.topic, identity);
        if (!topic) continue;
        CARILLON_ASSERT(topic->rid.size() <= rid_bytes_max);
        if (topic->kind != TopicKind::telemetry) continue;
        const auto bag = parse_property_bag(topic->bag);
        if (bag)
            CARILLON_ASSERT(bag->properties.size() <= properties_max && bag->bytes() <= 8 * size_t{0x10000});
    }
}

void try_decoders(const std::string& frame) {
    const Packet packet = packet_of(frame);
    std::string encoded;
    if (packet.is(PacketType::publish)) {
        if (const auto publish = decode_publish(packet)) {
            append_publish(encoded, *publish);
            expect_same(encoded, frame);
            try_topics(*publish);
        }
    } else if (packet.is(PacketType::connect)) {
        const auto connect = decode_connect(packet);
        if (connect && connect->protocol_name == "MQTT" && connect->protocol_level == 4) {
            append_connect(encoded, *connect);
            expect_same(encoded, frame);
            if (connect->user_name) {
                const auto user = parse_user_name(*connect->user_name, connect->client_id);
                if (user) CARILLON_ASSERT(!user->device.empty() && is_known_api_version(user->api_version));
            }
        }
    } else {
        FilterList list;
        if (packet.is(PacketType::subscribe) && decode_subscribe(packet, list)) {
            CARILLON_ASSERT(list.count > 0 && list.packet_id != 0);
            for (const auto& entry : list.filters()) {
                CARILLON_ASSERT(entry.qos <= 2);
                const auto kind = parse_filter(entry.filter, {"d1", {}});
                if (kind == FilterKind::method_named) CARILLON_ASSERT(!named_method(entry.filter).empty());
            }
        }
        if (packet.is(PacketType::unsubscribe)) static_cast<void>(decode_unsubscribe(packet, list));
        if (packet.is(PacketType::puback)) static_cast<void>(decode_puback(packet));
        if (packet.is(PacketType::connack)) static_cast<void>(decode_connack(packet));
        if (packet.is(PacketType::suback)) static_cast<void>(decode_suback(packet));
        if (packet.is(PacketType::unsuback)) static_cast<void>(decode_unsuback(packet));
        static_cast<void>(decode_empty(packet));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    // The first byte says where to cut.
    const Bytes stream{data + 1, size - 1};
    const auto whole = frames(stream, 0);
    CARILLON_ASSERT(frames(stream, stream.size() * data[0] / 255) == whole);
    for (const std::string& frame : whole) {
        if (frame != "error") try_decoders(frame);
    }
    return 0;
}
