#include "provisioning/registration_session.hpp"

#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/encode.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

constexpr std::string_view user_name = "0ne00/registrations/dev-1/api-version=2021-06-01";

/// The service's end, as the test says.
struct ServiceEnd {
    void say(const std::string& bytes) { session.receive(as_bytes(bytes)); }
    void take(std::uint8_t code = 0) { say({0x20, 2, 0, static_cast<char>(code)}); }
    void grant(std::uint8_t code = 1) {
        std::string out;
        mqtt::append_suback(out, 1, std::span(&code, 1));
        say(out);
    }
    void answer(std::string_view topic, std::string_view body) {
        mqtt::Publish publish;
        publish.qos = 1;
        publish.packet_id = 9;
        publish.topic = topic;
        publish.payload = as_bytes(body);
        std::string out;
        mqtt::append_publish(out, publish);
        say(out);
    }
    void make_ready() {
        take();
        grant();
        session.take_output();
    }

    RegistrationSession session{user_name, "dev-1", "a token"};
};

/// The only packet of `bytes`.
struct OnlyPacket {
    explicit OnlyPacket(std::string text) : bytes(std::move(text)) {
        Bytes input = as_bytes(bytes);
        packet = framer.next(input).value().value();
        EXPECT_TRUE(input.empty());
    }
    std::string bytes;
    mqtt::Framer framer{mqtt::PacketLimits::packet_bytes_max};
    mqtt::Packet packet;
};

TEST(RegistrationSession, IntroducesItselfAndSubscribesBeforeItAsks) {
    ServiceEnd service;
    const OnlyPacket first(service.session.take_output());
    const auto connect = mqtt::decode_connect(first.packet);
    ASSERT_TRUE(connect);
    EXPECT_TRUE(connect->clean_session);
    EXPECT_EQ(connect->client_id, "dev-1");
    EXPECT_EQ(connect->user_name, user_name);
    EXPECT_EQ(as_text(*connect->password), "a token");
    service.take();
    EXPECT_FALSE(service.session.is_ready());
    const OnlyPacket second(service.session.take_output());
    EXPECT_TRUE(second.packet.is(mqtt::PacketType::subscribe));
    service.grant();
    EXPECT_TRUE(service.session.is_ready());
}

TEST(RegistrationSession, AsksAndIsAnswered) {
    ServiceEnd service;
    service.make_ready();
    service.session.begin("{}");
    const OnlyPacket begun(service.session.take_output());
    const auto begin = mqtt::decode_publish(begun.packet);
    ASSERT_TRUE(begin);
    EXPECT_EQ(begin->topic, "$dps/registrations/PUT/iotdps-register/?$rid=1");
    EXPECT_EQ(begin->qos, 1);
    EXPECT_EQ(as_text(begin->payload), "{}");
    service.say({0x40, 2, 0, 1});
    EXPECT_FALSE(service.session.take_answer()) << "it is only acknowledged";
    service.answer("$dps/registrations/res/202/?$rid=1&retry-after=3", R"({"status":"assigning"})");
    const auto answer = service.session.take_answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 202);
    EXPECT_EQ(answer->retry_after, "3");
    EXPECT_EQ(answer->body, R"({"status":"assigning"})");
    EXPECT_FALSE(service.session.take_answer()) << "it is taken";
    const OnlyPacket acknowledged(service.session.take_output());
    EXPECT_EQ(mqtt::decode_puback(acknowledged.packet), 9);

    service.session.poll("4.a.b");
    const OnlyPacket polled(service.session.take_output());
    EXPECT_EQ(mqtt::decode_publish(polled.packet)->topic,
              "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=4.a.b");
    service.answer("$dps/registrations/res/200/?$rid=1", "late");
    service.answer("$dps/registrations/new", "unknown");
    EXPECT_FALSE(service.session.take_answer()) << "of another request, or no answer";
    service.answer("$dps/registrations/res/429/?$rid=2&retry-after=5", "");
    EXPECT_EQ(service.session.take_answer()->status, 429);
}

TEST(RegistrationSession, TellsARefusalFromAServiceThatIsBusy) {
    for (const auto& [code, reason] : {std::pair{std::uint8_t{5}, Errc::iot_hub_unauthorized_access},
                                       std::pair{std::uint8_t{4}, Errc::iot_hub_unauthorized_access},
                                       std::pair{std::uint8_t{3}, Errc::service_unavailable},
                                       std::pair{std::uint8_t{1}, Errc::invalid_protocol_version}}) {
        ServiceEnd service;
        service.take(code);
        EXPECT_TRUE(service.session.is_closed());
        EXPECT_EQ(service.session.reason().code, reason) << int{code};
    }
    ServiceEnd service;
    service.take();
    service.grant(0x80);
    EXPECT_EQ(service.session.reason().code, Errc::connection_closed);
}

TEST(RegistrationSession, EndsWithWhatNoServiceSays) {
    const std::string ping_answer{static_cast<char>(0xD0), 0};
    const std::string taken{0x20, 2, 0, 0};
    const std::string granted{static_cast<char>(0x90), 3, 0, 1, 1};
    for (const std::string& said :
         {granted, ping_answer, taken + taken, taken + granted + granted, taken + granted + ping_answer,
          taken + std::string{static_cast<char>(0x90), 3, 0, 2, 1}, std::string{0x20, 1, 0},
          std::string{static_cast<char>(0xF0), 0}}) {
        ServiceEnd service;
        service.say(said);
        EXPECT_TRUE(service.session.is_closed());
        EXPECT_EQ(service.session.reason().code, Errc::malformed_packet);
    }
}

}  // namespace
}  // namespace carillon
