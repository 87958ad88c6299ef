#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"

#include <sys/socket.h>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace carillon::client {

class Loop;

/// Where a server may be, as the kernel takes it.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    void set_port(std::uint16_t port);
};

/// The name to ask the system's resolver for. Names below `localhost` are this machine wherever they are
/// asked for (RFC 6761 §6.3), which not every resolver knows: the default host name of a hub is
/// `hub.localhost`.
std::string looked_up_name(std::string_view name);

/// Looks names up on a thread of its own, which starts with the first name that is not an address, since the
/// system's way blocks. Who asks for a name that is being looked up already shares the answer. Used on the
/// loop's thread; destroyed while the loop does not run, which waits for a look-up under way: the system
/// ends it (resolv.conf(5), `timeout` and `attempts`).
class Resolver {
public:
    using Answer = UniqueFunction<void(const Result<std::vector<SocketAddress>>&)>;

    /// Addresses kept of one name. Ours: each is tried in turn.
    static constexpr std::size_t addresses_max = 8;

    explicit Resolver(Loop& loop) : loop_(loop) {}
    ~Resolver();

    /// Calls `answer` with the addresses of `host`, in a later step of the loop. Fails with `unreachable`.
    void resolve(const std::string& host, Answer answer);

private:
    void work();
    void answered(const std::string& host, const Result<std::vector<SocketAddress>>& addresses);

    Loop& loop_;
    std::map<std::string, std::vector<Answer>> waiting_;
    std::thread thread_;
    std::mutex mutex_;  ///< Guards what follows.
    std::condition_variable changed_;
    std::deque<std::string> asked_;  ///< At most one entry for each name in `waiting_`.
    bool is_ending_ = false;
};

}  // namespace carillon::client
