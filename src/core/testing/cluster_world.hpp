#pragma once

// Several nodes that share the shards of a hub, in one thread and by one seed: rows with their fences, nodes
// that die, freeze and claim, and requests between them that get lost, go astray and come late. No part of
// the product.

#include "base/clock.hpp"
#include "base/unique_function.hpp"
#include "core/shard/found_row.hpp"
#include "store/memory_store.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace carillon::testing {

/// Each can be taken out, to see that it is needed.
struct ClusterRules {
    bool commits_are_fenced = true;
    bool claims_raise_epochs = true;
    bool settlements_raise_epochs = true;
    bool claims_wait_for_death = true;  ///< Who is claimed from acts on nothing any more.
    bool owners_load = true;            ///< What the one before has committed.
};

/// The rows of a hub, and who may commit to each shard, as PostgreSQL keeps them.
class MemoryCluster {
public:
    struct Fence {
        std::uint64_t owner = 0;  ///< A start of a node.
        std::uint64_t epoch = 0;
        std::uint64_t seq = 0;
    };

    MemoryCluster(std::size_t shards, const ClusterRules& rules) : rules_(rules), fences_(shards) {}

    const Fence& fence(std::size_t shard) const { return fences_[shard]; }
    Fence claim(std::size_t shard, std::uint64_t owner);
    /// Shuts out what has not come; nothing if the shard is another one's.
    std::optional<Fence> settle(std::size_t shard, const Fence& known);
    /// False if the fence refuses it.
    bool commit(std::size_t shard, const Fence& known, const Batch& batch);
    /// It was sent, and comes at any time.
    void keep_back(std::size_t shard, const Fence& known, const Batch& batch);
    bool deliver_late();

    MemoryStore rows;
    std::size_t late_refused = 0;
    std::vector<std::string> broken;  ///< Promises, in words. Bound: a test ends with the first

private:
    struct Late {
        std::size_t shard = 0;
        Fence known;
        Batch batch;
        bool is_settled = false;  ///< Its sender was told that it is not there.
    };
    const ClusterRules rules_;
    std::vector<Fence> fences_;
    std::deque<Late> late_;
};

/// The store of one shard on one node: what `PgStore` does with its fence.
class FencedStore final : public Store {
public:
    /// What becomes of a commit on its way.
    enum class Fate { answered, unheard, late };

    FencedStore(MemoryCluster& cluster, std::size_t shard, std::function<Fate()> fate)
        : cluster_(cluster), shard_(shard), fate_(std::move(fate)) {}

    void open(const MemoryCluster::Fence& fence) { known_ = fence; }
    /// Another node owns the shard: this one's process ends.
    bool is_fenced() const { return is_fenced_; }
    std::size_t settlements() const { return settlements_; }

    Result<> commit(const Batch& batch) override;
    Result<std::optional<std::string>> get(Table table, std::string_view key) const override {
        return cluster_.rows.get(table, key);
    }
    Result<> scan(Table table, std::string_view from, std::string_view to,
                  const Visit& visit) const override {
        return cluster_.rows.scan(table, from, to, visit);
    }

private:
    enum class End { durable, refused, again };
    End settle();

    MemoryCluster& cluster_;
    const std::size_t shard_;
    std::function<Fate()> fate_;
    std::optional<MemoryCluster::Fence> known_;  ///< Nothing for a shard of another node.
    bool is_fenced_ = false;
    std::size_t settlements_ = 0;
};

/// Nodes, devices, and clients that read a twin by any node and write it if nobody else has meanwhile.
class ClusterWorld {
public:
    explicit ClusterWorld(std::uint64_t seed, const ClusterRules& rules = {});
    ~ClusterWorld();

    /// One thing that happens.
    void step();
    /// No more harm: waits until all shards are served, and reads every device by every node.
    void finish();
    /// Promises that were not kept, in words.
    const std::vector<std::string>& broken() const { return cluster_.broken; }

    /// What has happened, for tests that want it to happen.
    struct Counts {
        std::size_t deaths = 0;
        std::size_t claims = 0;    ///< After the first of each shard.
        std::size_t answered = 0;  ///< By another node.
        std::size_t lost = 0;
        std::size_t written = 0;
        std::size_t listed = 0;
        std::size_t settlements = 0;
        std::size_t late_refused = 0;
    };
    Counts counts() const;

private:
    class Node;
    /// A device as its clients know it.
    struct Device {
        std::string id;
        bool is_registered = false;
        std::uint64_t etag = 0;                ///< The highest that anybody was shown.
        std::set<std::uint64_t> written_from;  ///< Etags that a write has named and succeeded.
    };
    using Answer = std::shared_ptr<std::optional<std::optional<Result<FoundRow>>>>;
    /// A client on its way.
    struct Client {
        enum class Phase { registers, reads, writes, lists } phase = Phase::reads;
        std::uint64_t node = 0;
        std::size_t device = 0;
        bool was_registered = false;   ///< When it asked,
        std::uint64_t known_etag = 0;  ///< and so far.
        std::uint64_t read_etag = 0;
        Answer answer;
        std::set<std::string> known;  ///< Of a list: the devices that were registered when it was asked for,
        std::shared_ptr<std::optional<Result<std::vector<FoundRow>>>> list;  ///< and what it shows.
        bool is_answered() const { return list ? list->has_value() : answer->has_value(); }
    };
    /// A request or its answer.
    struct Letter {
        std::uint64_t due = 0;
        std::uint64_t question = 0;
        std::uint64_t to = 0;  ///< The node.
        std::size_t shard = 0;
        bool is_answer = false;
        std::string bytes;
    };
    struct Question {
        std::uint64_t node = 0;  ///< Who asks,
        std::uint64_t until = 0;
        UniqueFunction<void(Result<std::string>)> done;
    };

    bool chance(unsigned percent) { return random_() % 100 < percent; }
    std::size_t below(std::size_t bound) { return random_() % bound; }
    void breaks(std::string what) { cluster_.broken.push_back(std::move(what)); }
    FencedStore::Fate fate();
    Node* find_node(std::uint64_t number);
    Node& any_node() { return *nodes_[below(nodes_.size())]; }
    void start_node();
    void die(std::size_t at, bool is_frozen);
    void bury();
    void claim_one();
    void poll();
    void ask(std::uint64_t from, std::size_t shard, std::string request,
             UniqueFunction<void(Result<std::string>)> done);
    void post(Letter letter);
    bool deliver();
    void take(Letter letter);
    void answer(std::uint64_t question, Result<std::string> answered);
    void give_up_waiting();
    void send_client();
    void note_clients();
    bool note_answer(Client& client);
    void note_list(const Client& client);
    void list(Client& client);
    void read(Client& client);
    void settle();

    const std::size_t shards_;
    const ClusterRules rules_;
    std::mt19937_64 random_;
    ManualClock clock_;
    MemoryCluster cluster_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<std::unique_ptr<Node>> frozen_;  ///< Declared dead; their commits may still leave.
    std::uint64_t last_node_ = 0;
    std::vector<Device> devices_;
    std::vector<Client> clients_;
    std::vector<Letter> letters_;
    std::map<std::uint64_t, Question> questions_;
    std::uint64_t last_question_ = 0;
    std::uint64_t now_ = 0;  ///< Steps.
    bool is_healed_ = false;
    Counts counts_;
};

}  // namespace carillon::testing
