// Readers of the event log over AMQP, as Event Hubs clients read it: from the beginning of a backlog to its
// end.
#include "load/amqp_client.hpp"
#include "load/measure.hpp"
#include "load/modes.hpp"

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace carillon::load {
namespace {

/// One partition, on a thread of its own.
class PartitionReading final : public AmqpPeer {
public:
    PartitionReading(const Target& target, std::uint64_t number, std::uint64_t messages)
        : number_(number), wanted_(messages), client_(loop_, tls_, *this, target, number) {}

    void run() {
        client_.open();
        while (count_ < wanted_ && problem_.empty()) {
            const std::uint64_t before = count_;
            loop_.run_for(std::chrono::seconds(20));
            if (count_ == before && problem_.empty()) problem_ = "nothing came for 20 s";
        }
        ended_ = Clock::now();
    }
    std::uint64_t count() const { return count_; }
    std::uint64_t bytes() const { return bytes_; }
    Clock::time_point ended() const { return ended_; }
    const std::string& problem() const { return problem_; }

private:
    void ready() override {
        constexpr std::uint32_t credit = 5000;
        client_.receive_from("messages/events/ConsumerGroups/$Default/Partitions/" + std::to_string(number_),
                             credit);
    }
    void delivered(amqp::LinkId, std::size_t bytes) override {
        bytes_ += bytes;
        if (++count_ == wanted_) loop_.stop();
    }
    void detached(amqp::LinkId, std::string_view why) override { fail_with(why); }
    void closed(const char* reason) override { fail_with(reason); }
    void fail_with(std::string_view why) {
        problem_ = why.empty() ? "detached" : why;
        loop_.stop();
    }

    Loop loop_;
    TlsContext tls_;
    const std::uint64_t number_;
    const std::uint64_t wanted_;
    std::uint64_t count_ = 0;
    std::uint64_t bytes_ = 0;
    Clock::time_point ended_;
    std::string problem_;
    AmqpClient client_;
};

}  // namespace

Result<> run_read(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::uint64_t readers = options.number("readers", 4);
    const std::uint64_t messages = options.number("messages", 1'000'000);
    const int pid = static_cast<int>(options.number("server-pid", 0));
    if (auto checked = options.check(); !checked) return checked;

    std::vector<std::unique_ptr<PartitionReading>> all;
    for (std::uint64_t i = 0; i < readers; ++i)
        all.push_back(std::make_unique<PartitionReading>(*target, i, messages / readers));
    const double cpu_before = read_process(pid).cpu_s;
    const auto began = Clock::now();
    std::vector<std::thread> threads;
    for (const auto& one : all) threads.emplace_back([reader = one.get()] { reader->run(); });
    for (std::thread& thread : threads) thread.join();
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
    auto ended = began;
    for (const auto& one : all) {
        if (!one->problem().empty())
            return fail(Errc::connection_closed,
                        "after " + std::to_string(one->count()) + " messages: " + one->problem());
        count += one->count();
        bytes += one->bytes();
        ended = std::max(ended, one->ended());
    }
    const double seconds = seconds_between(began, ended);
    const double cpu_s = read_process(pid).cpu_s - cpu_before;
    out.member("readers", readers).member("messages", count).member("seconds", seconds);
    out.member("per_second", static_cast<double>(count) / seconds);
    out.member("bytes_per_second", static_cast<double>(bytes) / seconds);
    out.member("server_cpu_us_per_message", cpu_s * 1e6 / static_cast<double>(count));
    return {};
}

}  // namespace carillon::load
