// A cold backlog of events: fills the store of a hub that is stopped, and the baseline of reading it: a bare
// scan by the hub's own RocksDB driver, a thread for each partition, whose bytes go into TLS sockets on
// loopback. Who reads these has a core of its own, as the readers of the hub have.
#include "load/measure.hpp"
#include "load/options.hpp"
#include "load/tls.hpp"
#include "model/message.hpp"
#include "store/rocks_store.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace carillon;
using namespace carillon::load;

constexpr std::uint64_t run_messages = 1024;  // docs/storage.md: what a mark stands for.

template <class T>
void append_big(std::string& out, T number) {
    for (int shift = (static_cast<int>(sizeof(T)) - 1) * 8; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(static_cast<std::uint64_t>(number) >> shift));
}

std::string key_of(std::uint32_t partition, std::uint64_t sequence) {
    std::string key;
    append_big(key, partition);
    append_big(key, sequence);
    return key;
}

/// Messages as devices have sent them, `messages` in each partition.
Result<> fill(RocksStore& store, std::uint32_t partitions, std::uint64_t messages, std::size_t bytes) {
    SystemClock clock;
    const WallTime began = clock.wall_now().plus_s(-600);
    for (std::uint64_t first = 0; first < messages; first += run_messages) {
        Batch batch;
        for (std::uint32_t partition = 0; partition < partitions; ++partition) {
            std::string mark;
            append_big(mark, began.ticks);
            batch.put(Table::meta, "events/" + key_of(partition, first), std::move(mark));
            for (std::uint64_t i = first; i < std::min(first + run_messages, messages); ++i) {
                Message message;
                message.device_id = device_id(i % 10'000);
                message.generation_id = "639000000000000000";
                message.auth_method =
                    R"({"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null})";
                message.enqueued = began;
                message.body = R"({"number":)" + std::to_string(i) + R"(,"filling":")";
                message.body.append(bytes - std::min(bytes, message.body.size() + 2), 'x').append("\"}");
                batch.put(Table::events, key_of(partition, i), encode_message(message));
            }
        }
        if (auto done = store.commit(batch); !done) return done;
    }
    // A backlog that has lain for a while: nothing is left to be merged while it is read.
    if (auto done = store.flush(); !done) return done;
    return store.compact(Table::events);
}

/// How the bytes of a scan leave.
struct Way {
    ssl_ctx_st* server = nullptr;
    ssl_ctx_st* client = nullptr;
    std::size_t bytes_each = 0;  ///< Of each message in the socket, at least.
    int drain_core = -1;         ///< Where the other end runs; anywhere if negative.
};

void stay_on(int core) {
    if (core < 0) return;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<unsigned>(core), &cores);
    ::sched_setaffinity(0, sizeof cores, &cores);
}

/// One scan and the TLS connection that its bytes go through.
class Stream {
public:
    Stream(const RocksStore& store, std::uint32_t partition, const Way& way)
        : store_(store), partition_(partition), way_(way) {
        std::array<int, 2> ends{};
        CARILLON_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
        writer_ = ::SSL_new(way.server);
        reader_ = ::SSL_new(way.client);
        ::SSL_set_fd(writer_, ends[0]);
        ::SSL_set_fd(reader_, ends[1]);
        ends_ = ends;
        sink_ = std::thread([this] { drain(); });
    }
    ~Stream() {
        sink_.join();
        ::SSL_free(writer_);
        ::SSL_free(reader_);
        for (const int end : ends_) ::close(end);
    }
    void run() {
        CARILLON_ASSERT(::SSL_accept(writer_) == 1);
        std::string out;
        const auto flush = [&] {
            if (!out.empty())
                CARILLON_ASSERT(::SSL_write(writer_, out.data(), static_cast<int>(out.size())) > 0);
            out.clear();
        };
        const auto visit = [&](std::string_view key, std::string_view value) {
            constexpr std::size_t piece = 64 * 1024;
            const std::size_t end = out.size() + way_.bytes_each;
            out.append(key).append(value);
            if (out.size() < end) out.resize(end, 'x');
            ++count;
            if (out.size() >= piece) flush();
            return true;
        };
        const auto scanned =
            store_.scan(Table::events, key_of(partition_, 0), key_of(partition_ + 1, 0), visit);
        CARILLON_ASSERT(scanned);
        flush();
        ::SSL_shutdown(writer_);
    }
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;

private:
    void drain() {
        stay_on(way_.drain_core);
        CARILLON_ASSERT(::SSL_connect(reader_) == 1);
        std::vector<char> buffer(64 * 1024);
        for (;;) {
            const int got = ::SSL_read(reader_, buffer.data(), static_cast<int>(buffer.size()));
            if (got <= 0) return;
            bytes += static_cast<std::uint64_t>(got);
        }
    }
    const RocksStore& store_;
    const std::uint32_t partition_;
    const Way way_;
    std::array<int, 2> ends_{};
    ssl_st* writer_ = nullptr;
    ssl_st* reader_ = nullptr;
    std::thread sink_;
};

Result<> scan(const RocksStore& store, std::uint32_t partitions, const std::string& certificate,
              const std::string& key, Way way, JsonWriter& out) {
    ssl_ctx_st* const server = ::SSL_CTX_new(::TLS_server_method());
    ssl_ctx_st* const client = ::SSL_CTX_new(::TLS_client_method());
    way.server = server;
    way.client = client;
    if (::SSL_CTX_use_certificate_chain_file(server, certificate.c_str()) != 1 ||
        ::SSL_CTX_use_PrivateKey_file(server, key.c_str(), SSL_FILETYPE_PEM) != 1)
        return fail(Errc::tls_failed, "--certificate and --key");
    const auto began = load::Clock::now();
    std::uint64_t count = 0;
    {
        std::vector<std::unique_ptr<Stream>> streams;
        std::vector<std::thread> threads;
        for (std::uint32_t i = 0; i < partitions; ++i)
            streams.push_back(std::make_unique<Stream>(store, i, way));
        for (const auto& stream : streams) threads.emplace_back([one = stream.get()] { one->run(); });
        for (std::thread& thread : threads) thread.join();
        const auto ended = load::Clock::now();
        for (const auto& stream : streams) count += stream->count;
        const double seconds = seconds_between(began, ended);
        out.member("messages", count).member("seconds", seconds);
        out.member("per_second", static_cast<double>(count) / seconds);
    }
    ::SSL_CTX_free(server);
    ::SSL_CTX_free(client);
    return {};
}

Result<> run(Options& options, JsonWriter& out) {
    const std::string folder = options.text("store");
    const auto partitions = static_cast<std::uint32_t>(options.number("partitions", 4));
    const std::uint64_t messages = options.number("messages", 1'000'000);
    const std::size_t bytes = options.number("bytes", 200);
    const std::string certificate = options.text("certificate");
    const std::string key = options.text("key");
    Way way;
    way.bytes_each = options.number("wire-bytes", 0);
    way.drain_core = static_cast<int>(options.number("drain-core", 0)) - 1;
    if (auto checked = options.check(); !checked) return checked;
    auto store = RocksStore::open(folder);
    if (!store) return fail(std::move(store).error());
    if (options.mode() == "fill") return fill(**store, partitions, messages / partitions, bytes);
    if (options.mode() == "scan") return scan(**store, partitions, certificate, key, way, out);
    return fail(Errc::config_invalid, "the mode is fill or scan");
}

}  // namespace

int main(int argc, char** argv) {
    auto options = Options::parse(argc, argv);
    if (!options) {
        std::fputs(
            "usage: carillon_readout fill|scan --store FOLDER --partitions N --messages M --bytes B "
            "--certificate FILE --key FILE [--wire-bytes N each] [--drain-core 1 + N]\n",
            stderr);
        return 2;
    }
    std::string text;
    JsonWriter out(text);
    out.begin_object().member("mode", options->mode());
    if (const auto done = run(*options, out); !done) {
        std::fprintf(stderr, "carillon_readout: %s\n", done.error().detail.c_str());
        return 1;
    }
    out.end_object();
    std::printf("%s\n", text.c_str());
    return 0;
}
