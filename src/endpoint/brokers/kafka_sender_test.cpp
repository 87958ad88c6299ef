#include "endpoint/brokers/kafka_sender.hpp"

#include "base/json.hpp"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace carillon {
namespace {

using Verdict = DeliveryOutcome::Verdict;

/// The library's own brokers of a cluster, and a reader of one topic.
class KafkaTest : public ::testing::Test {
protected:
    KafkaTest() {
        host_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0);
        cluster = rd_kafka_mock_cluster_new(host_, 3);
        rd_kafka_mock_topic_create(cluster, "telemetry", 4, 3);
        endpoint.name = "lake";
        endpoint.kind = RouteEndpoint::Kind::kafka;
        endpoint.path = "telemetry";
    }
    ~KafkaTest() override {
        rd_kafka_mock_cluster_destroy(cluster);
        rd_kafka_destroy(host_);
    }
    KafkaSender sender() {
        auto brokers =
            BrokerAddress::parse_list(std::string("kafka://") + rd_kafka_mock_cluster_bootstraps(cluster));
        return KafkaSender(endpoint, *brokers, "hub", "", stops);
    }
    static RoutedEvent event(std::string device, std::uint64_t sequence, std::string body = "1") {
        RoutedEvent made;
        made.partition = 1;
        made.sequence = sequence;
        made.message.device_id = std::move(device);
        made.message.body = std::move(body);
        return made;
    }
    /// The sequence numbers that are in the topic, by device, in the order of its partition.
    std::map<std::string, std::vector<std::int64_t>> stored(std::size_t count) {
        rd_kafka_conf_t* const conf = rd_kafka_conf_new();
        for (const auto& [name, value] : {std::pair<const char*, const char*>{
                                              "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster)},
                                          {"group.id", "reader"},
                                          {"auto.offset.reset", "earliest"}})
            rd_kafka_conf_set(conf, name, value, nullptr, 0);
        rd_kafka_t* const reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
        rd_kafka_topic_partition_list_t* const all = rd_kafka_topic_partition_list_new(4);
        for (int i = 0; i < 4; ++i) rd_kafka_topic_partition_list_add(all, "telemetry", i)->offset = 0;
        rd_kafka_assign(reader, all);
        std::map<std::string, std::vector<std::int64_t>> found;
        std::map<std::string, std::set<std::int32_t>> partitions;
        for (std::size_t i = 0; i < count;) {
            rd_kafka_message_t* const message = rd_kafka_consumer_poll(reader, 10'000);
            if (message == nullptr) break;
            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                const std::string key(static_cast<const char*>(message->key), message->key_len);
                const auto json =
                    JsonDocument::parse({static_cast<const char*>(message->payload), message->len});
                EXPECT_EQ(json->root().find("deviceId").string(), key);
                found[key].push_back(*json->root().find("sequenceNumber").integer());
                partitions[key].insert(message->partition);
                ++i;
            }
            rd_kafka_message_destroy(message);
        }
        for (const auto& [key, places] : partitions) EXPECT_EQ(places.size(), 1U) << key;
        rd_kafka_topic_partition_list_destroy(all);
        rd_kafka_consumer_close(reader);
        rd_kafka_destroy(reader);
        return found;
    }

    RouteEndpoint endpoint;
    std::atomic<bool> stops{false};
    rd_kafka_mock_cluster_t* cluster = nullptr;

private:
    rd_kafka_t* host_ = nullptr;
};

TEST_F(KafkaTest, EventsOfADeviceAreInOnePartitionInTheirOrder) {
    KafkaSender sending = sender();
    std::vector<RoutedEvent> events;
    for (std::uint64_t i = 0; i < 60; ++i)
        events.push_back(event(i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c", i));
    const auto outcome = sending.send(events);
    EXPECT_EQ(outcome.verdict, Verdict::taken) << outcome.detail;
    const auto found = stored(60);
    ASSERT_EQ(found.size(), 3U);
    for (const auto& [device, sequences] : found) {
        EXPECT_EQ(sequences.size(), 20U);
        EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end())) << device;
    }
}

TEST_F(KafkaTest, WhatABrokerRefusesForItsSizeIsRefused) {
    KafkaSender sending = sender();
    const auto outcome = sending.send({event("a", 0, std::string(2'000'000, 'x'))});
    EXPECT_EQ(outcome.verdict, Verdict::refused) << outcome.detail;
    EXPECT_EQ(sending.send({event("a", 1)}).verdict, Verdict::taken) << "others are taken";
}

TEST_F(KafkaTest, AClusterThatIsAwayIsTriedAgainAndAStopIsHeeded) {
    for (int broker = 1; broker <= 3; ++broker) rd_kafka_mock_broker_set_down(cluster, broker);
    KafkaSender sending = sender();
    stops = true;
    const auto outcome = sending.send({event("a", 0)});
    EXPECT_EQ(outcome.verdict, Verdict::failed);
    stops = false;
    for (int broker = 1; broker <= 3; ++broker) rd_kafka_mock_broker_set_up(cluster, broker);
    const auto again = sending.send({event("a", 0), event("a", 1)});
    EXPECT_EQ(again.verdict, Verdict::taken) << again.detail;
    EXPECT_EQ(stored(2)["a"], (std::vector<std::int64_t>{0, 1}));
}

}  // namespace
}  // namespace carillon
