#include "core/testing/cluster_world.hpp"

#include "core/port/shard_port.hpp"
#include "core/registry/registry.hpp"
#include "core/testing/test_hub.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

namespace carillon::testing {
namespace {

constexpr std::size_t nodes_wanted = 3;
constexpr std::size_t devices_in_world = 6;
constexpr std::size_t clients_max = 8;
/// In steps: how long an answer is waited for, and the longest way of a letter, which may be longer.
constexpr std::uint64_t patience = 60;
constexpr std::uint64_t longest_way = 90;

/// A result without an empty state, as a coroutine may give it.
Task<std::optional<Result<FoundRow>>> held_row(Task<Result<FoundRow>> task) {
    co_return std::optional<Result<FoundRow>>(co_await std::move(task));
}

}  // namespace

// --- rows and fences -----------------------------------------------------------------------------

MemoryCluster::Fence MemoryCluster::claim(std::size_t shard, std::uint64_t owner) {
    Fence& fence = fences_[shard];
    fence.owner = owner;
    if (rules_.claims_raise_epochs) ++fence.epoch;
    return fence;
}

std::optional<MemoryCluster::Fence> MemoryCluster::settle(std::size_t shard, const Fence& known) {
    Fence& fence = fences_[shard];
    if (fence.owner != known.owner || fence.epoch != known.epoch) return std::nullopt;
    if (rules_.settlements_raise_epochs) ++fence.epoch;
    for (Late& late : late_) {
        const bool is_meant = late.shard == shard && late.known.owner == known.owner;
        late.is_settled = late.is_settled || (is_meant && fence.seq == late.known.seq);
    }
    return fence;
}

bool MemoryCluster::commit(std::size_t shard, const Fence& known, const Batch& batch) {
    Fence& fence = fences_[shard];
    const bool passes = fence.epoch == known.epoch && fence.seq == known.seq;
    if (!passes && rules_.commits_are_fenced) return false;
    if (known.owner != fence.owner)
        broken.push_back(
            fmt::format("node {} commits to shard {}, which is node {}'s", known.owner, shard, fence.owner));
    ++fence.seq;
    CARILLON_ASSERT(rows.commit(batch));
    return true;
}

void MemoryCluster::keep_back(std::size_t shard, const Fence& known, const Batch& batch) {
    late_.push_back({shard, known, batch});
}

bool MemoryCluster::deliver_late() {
    if (late_.empty()) return false;
    const Late late = std::move(late_.front());
    late_.pop_front();
    const bool is_applied = commit(late.shard, late.known, late.batch);
    late_refused += is_applied ? 0 : 1;
    if (is_applied && late.is_settled)
        broken.push_back(
            fmt::format("a commit of node {} that was told to be refused is there", late.known.owner));
    return true;
}

Result<> FencedStore::commit(const Batch& batch) {
    const Error refusal{Errc::store_failed, "not taken, and nothing of it is applied"};
    constexpr int attempts_max = 2;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        if (!known_ || is_fenced_) return fail(refusal);
        const Fate fate = fate_();
        if (fate == Fate::late) {
            cluster_.keep_back(shard_, *known_, batch);
        } else if (cluster_.commit(shard_, *known_, batch)) {
            if (fate == Fate::answered) {
                ++known_->seq;
                return {};
            }
        } else {
            // The shard's row says why: another node owns it.
            is_fenced_ = true;
            return fail(refusal);
        }
        const End end = settle();
        if (end == End::durable) return {};
        if (end == End::refused) return fail(refusal);
    }
    return fail(refusal);
}

FencedStore::End FencedStore::settle() {
    ++settlements_;
    const auto settled = cluster_.settle(shard_, *known_);
    if (!settled) {
        is_fenced_ = true;
        return End::refused;
    }
    const bool is_there = settled->seq == known_->seq + 1;
    known_ = settled;
    return is_there ? End::durable : End::again;
}

// --- a node --------------------------------------------------------------------------------------

class ClusterWorld::Node final : public ShardCarrier {
public:
    Node(ClusterWorld& world, std::uint64_t number) : world_(world), number_(number), random_(number) {
        std::vector<std::unique_ptr<Shard>> shards;
        for (std::size_t i = 0; i < world.shards_; ++i) {
            stores_.push_back(
                std::make_unique<FencedStore>(world.cluster_, i, [&world] { return world.fate(); }));
            const ShardContext context{.executor = io_.get_executor(),
                                       .background = io_.get_executor(),
                                       .clock = world.clock_,
                                       .random = random_,
                                       .store = *stores_.back(),
                                       .storage = storage_,
                                       .shard_count = world.shards_,
                                       .telemetry = {}};
            shards.push_back(std::make_unique<Shard>(static_cast<std::uint32_t>(i), context));
        }
        shards_ = std::make_unique<Shards>(std::move(shards));
        port_ = std::make_unique<ShardPort>(*shards_);
        port_->use(*this);
        registry_ = std::make_unique<Registry>(*port_);
        owners_.resize(world.shards_);
        look();
    }

    std::uint64_t number() const { return number_; }
    bool owns(std::size_t shard) const { return owned_.contains(shard); }
    bool is_fenced() const {
        return std::any_of(stores_.begin(), stores_.end(),
                           [](const auto& store) { return store->is_fenced(); });
    }
    std::size_t settlements() const {
        std::size_t sum = 0;
        for (const auto& store : stores_) sum += store->settlements();
        return sum;
    }

    /// Reads who owns what. Between two looks it may be wrong.
    void look() {
        for (std::size_t i = 0; i < owners_.size(); ++i) owners_[i] = world_.cluster_.fence(i).owner;
    }
    void own(std::size_t shard, const MemoryCluster::Fence& fence) {
        stores_[shard]->open(fence);
        if (world_.rules_.owners_load) CARILLON_ASSERT((*shards_)[shard].load());
        owned_.insert(shard);
        owners_[shard] = number_;
    }

    void poll() {
        io_.restart();
        io_.poll();
    }
    bool step_storage() { return storage_.step(); }

    Answer begin(Task<Result<FoundRow>> task) {
        auto answer = std::make_shared<std::optional<std::optional<Result<FoundRow>>>>();
        auto ended = [answer](std::exception_ptr error, std::optional<Result<FoundRow>> row) {
            if (error) std::rethrow_exception(error);
            answer->emplace(std::move(row));
        };
        boost::asio::co_spawn(io_, held_row(std::move(task)), std::move(ended));
        return answer;
    }
    auto begin_list(Task<Result<std::vector<FoundRow>>> task) {
        auto answer = std::make_shared<std::optional<Result<std::vector<FoundRow>>>>();
        auto ended = [answer](std::exception_ptr error, Result<std::vector<FoundRow>> rows) {
            if (error) std::rethrow_exception(error);
            answer->emplace(std::move(rows));
        };
        boost::asio::co_spawn(io_, std::move(task), std::move(ended));
        return answer;
    }
    Registry& registry() { return *registry_; }

    Task<Result<std::string>> carry(std::size_t shard, std::string request) override {
        if (owns(shard)) {
            auto answering = answer_bytes(port_->seat(shard), std::move(request));
            co_return co_await std::move(answering);
        }
        auto start = [&](UniqueFunction<void(Result<std::string>)> done) {
            world_.ask(number_, shard, std::move(request), std::move(done));
        };
        co_return co_await from_callback<Result<std::string>>(start);
    }
    /// Answers another node.
    void serve(std::size_t shard, std::string request, std::function<void(std::string)> done) {
        auto ended = [done = std::move(done)](std::exception_ptr error, std::string answer) {
            if (error) std::rethrow_exception(error);
            done(std::move(answer));
        };
        boost::asio::co_spawn(io_, answer_bytes(port_->seat(shard), std::move(request)), std::move(ended));
    }

private:
    ClusterWorld& world_;
    const std::uint64_t number_;
    boost::asio::io_context io_;  ///< Outlives what runs on it.
    SeededRandom random_;
    SteppedStorage storage_;
    std::vector<std::unique_ptr<FencedStore>> stores_;
    std::unique_ptr<Shards> shards_;
    std::unique_ptr<ShardPort> port_;
    std::unique_ptr<Registry> registry_;
    std::vector<std::uint64_t> owners_;  ///< As seen last.
    std::set<std::size_t> owned_;

    friend class ClusterWorld;
};

// --- the world -----------------------------------------------------------------------------------

ClusterWorld::ClusterWorld(std::uint64_t seed, const ClusterRules& rules)
    : shards_(std::size_t{1} << (seed % 3)),
      rules_(rules),
      random_(seed),
      clock_(WallTime::from_unix_s(1'795'341'600)),
      cluster_(shards_, rules) {
    for (std::size_t i = 0; i < devices_in_world; ++i) {
        devices_.emplace_back();
        devices_.back().id = fmt::format("d{}", i);
    }
    for (std::size_t i = 0; i < nodes_wanted; ++i) start_node();
}

ClusterWorld::~ClusterWorld() {
    questions_.clear();  // They hold coroutines of nodes.
}

ClusterWorld::Counts ClusterWorld::counts() const {
    Counts counts = counts_;
    for (const auto& node : nodes_) counts.settlements += node->settlements();
    counts.late_refused = cluster_.late_refused;
    return counts;
}

FencedStore::Fate ClusterWorld::fate() {
    if (is_healed_ || !chance(10)) return FencedStore::Fate::answered;
    return chance(50) ? FencedStore::Fate::unheard : FencedStore::Fate::late;
}

ClusterWorld::Node* ClusterWorld::find_node(std::uint64_t number) {
    for (const auto& node : nodes_) {
        if (node->number() == number) return node.get();
    }
    return nullptr;
}

void ClusterWorld::start_node() {
    nodes_.push_back(std::make_unique<Node>(*this, ++last_node_));
}

/// Others may claim what it owned. One that is frozen acts no more, but what it has sent is on its way.
void ClusterWorld::die(std::size_t at, bool is_frozen) {
    auto node = std::move(nodes_[at]);
    nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(at));
    ++counts_.deaths;
    counts_.settlements += node->settlements();
    std::erase_if(questions_, [&node](const auto& each) { return each.second.node == node->number(); });
    std::erase_if(clients_, [&node](const Client& client) { return client.node == node->number(); });
    if (is_frozen) frozen_.push_back(std::move(node));
}

/// Nodes that have learnt that they own something no more.
void ClusterWorld::bury() {
    for (std::size_t i = nodes_.size(); i > 0; --i) {
        if (nodes_[i - 1]->is_fenced()) die(i - 1, false);
    }
}

void ClusterWorld::claim_one() {
    if (nodes_.empty()) return;
    const std::size_t shard = below(shards_);
    const auto owner = cluster_.fence(shard).owner;
    Node& node = any_node();
    if (find_node(owner) != nullptr && (rules_.claims_wait_for_death || owner == node.number())) return;
    if (node.owns(shard)) return;
    counts_.claims += owner == 0 ? 0 : 1;
    node.own(shard, cluster_.claim(shard, node.number()));
}

void ClusterWorld::poll() {
    for (const auto& node : nodes_) node->poll();
    note_clients();
}

// --- between nodes -------------------------------------------------------------------------------

void ClusterWorld::ask(std::uint64_t from, std::size_t shard, std::string request,
                       UniqueFunction<void(Result<std::string>)> done) {
    const auto question = ++last_question_;
    questions_.emplace(question, Question{from, now_ + patience, std::move(done)});
    Letter letter;
    letter.question = question;
    letter.to = find_node(from)->owners_[shard];
    letter.shard = shard;
    letter.bytes = std::move(request);
    post(std::move(letter));
}

void ClusterWorld::post(Letter letter) {
    if (!is_healed_ && chance(8)) {
        ++counts_.lost;
        return;
    }
    letter.due = now_ + (is_healed_ || chance(70) ? 0 : below(longest_way));
    letters_.push_back(std::move(letter));
}

/// False if nothing is due.
bool ClusterWorld::deliver() {
    std::vector<Letter> due;
    const auto later = std::stable_partition(letters_.begin(), letters_.end(),
                                             [this](const Letter& letter) { return letter.due > now_; });
    std::move(later, letters_.end(), std::back_inserter(due));
    letters_.erase(later, letters_.end());
    for (Letter& letter : due) take(std::move(letter));
    return !due.empty();
}

void ClusterWorld::take(Letter letter) {
    if (letter.is_answer) return answer(letter.question, std::move(letter.bytes));
    Node* const node = find_node(letter.to);
    if (node == nullptr) return;            // Nobody answers.
    if (!node->owns(letter.shard)) return;  // It never comes to that while only the dead lose shards.
    node->serve(letter.shard, std::move(letter.bytes), [this, question = letter.question](std::string text) {
        Letter back;
        back.question = question;
        back.is_answer = true;
        back.bytes = std::move(text);
        post(std::move(back));
    });
}

void ClusterWorld::answer(std::uint64_t question, Result<std::string> answered) {
    auto found = questions_.extract(question);
    if (!found) return;  // Nobody waits any more.
    counts_.answered += answered ? 1 : 0;
    found.mapped().done(std::move(answered));
}

void ClusterWorld::give_up_waiting() {
    std::vector<std::uint64_t> over;
    for (const auto& [number, question] : questions_) {
        if (question.until <= now_) over.push_back(number);
    }
    for (const auto number : over) answer(number, fail(Errc::service_unavailable, "no answer came"));
}

// --- clients -------------------------------------------------------------------------------------

void ClusterWorld::read(Client& client) {
    Node* const node = find_node(client.node);
    client.phase = Client::Phase::reads;
    client.known_etag = devices_[client.device].etag;
    client.was_registered = devices_[client.device].is_registered;
    client.answer = node->begin(node->registry().find(*IdentityKey::parse(devices_[client.device].id)));
}

void ClusterWorld::list(Client& client) {
    Node* const node = find_node(client.node);
    client.phase = Client::Phase::lists;
    for (const Device& device : devices_) {
        if (device.is_registered) client.known.insert(device.id);
    }
    client.list = node->begin_list(node->registry().list_devices(devices_.size()));
}

void ClusterWorld::send_client() {
    if (clients_.size() >= clients_max || nodes_.empty()) return;
    Client client;
    Node& node = any_node();
    client.node = node.number();
    client.device = below(devices_.size());
    const Device& device = devices_[client.device];
    if (chance(15)) {
        list(client);
    } else if (device.is_registered || chance(50)) {
        read(client);
    } else {
        client.phase = Client::Phase::registers;
        client.answer = node.begin(node.registry().put(*IdentityKey::parse(device.id), "{}", EtagMatch{}));
    }
    clients_.push_back(std::move(client));
}

void ClusterWorld::note_clients() {
    for (std::size_t i = 0; i < clients_.size();) {
        if (!clients_[i].is_answered() || note_answer(clients_[i])) {
            ++i;
        } else {
            clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
}

/// A list lacks nothing, whichever nodes its shards are on: else it is no list.
void ClusterWorld::note_list(const Client& client) {
    const auto& rows = **client.list;
    if (!rows) return;
    ++counts_.listed;
    auto missing = client.known;
    for (const FoundRow& row : *rows) missing.erase(row.key.device.str());
    if (!missing.empty())
        breaks(fmt::format("a list of node {} lacks {}, which is registered", client.node, *missing.begin()));
}

/// True if the client goes on.
bool ClusterWorld::note_answer(Client& client) {
    if (client.list) {
        note_list(client);
        return false;
    }
    Device& device = devices_[client.device];
    const Result<FoundRow> row = std::move(***client.answer);
    if (client.phase == Client::Phase::registers) {
        // That it exists already may be said of what is not durable yet.
        device.is_registered = device.is_registered || row;
        return false;
    }
    if (!row) {
        if (row.error().code == Errc::device_not_found && client.was_registered)
            breaks(fmt::format("node {} does not find {}, which is registered", client.node, device.id));
        return false;
    }
    device.is_registered = true;
    const auto etag = row->document.twin.etag;
    if (client.phase == Client::Phase::writes) {
        ++counts_.written;
        if (etag != client.read_etag + 1)
            breaks(fmt::format("a write of {} from etag {} made {}", device.id, client.read_etag, etag));
        if (!device.written_from.insert(client.read_etag).second)
            breaks(fmt::format("two writes of {} have succeeded from etag {}", device.id, client.read_etag));
        device.etag = std::max(device.etag, etag);
        return false;
    }
    if (etag < client.known_etag) {
        breaks(fmt::format("node {} shows etag {} of {}, and {} was shown before it was asked", client.node,
                           etag, device.id, client.known_etag));
    }
    device.etag = std::max(device.etag, etag);
    Node* const node = find_node(client.node);
    if (is_healed_ || node == nullptr) return false;
    const auto key = *IdentityKey::parse(device.id);
    const std::string text = fmt::format(R"({{"tags":{{"from":{}}}}})", etag);
    const auto body = JsonDocument::parse(text);
    const EtagMatch match{EtagMatch::Kind::exact, twin_etag_text(etag)};
    client.phase = Client::Phase::writes;
    client.read_etag = etag;
    client.answer = node->begin(node->registry().write_twin(key, Shard::TwinWrite::patch,
                                                            *TwinPatch::parse(body->root(), key), match));
    return true;
}

// --- what happens --------------------------------------------------------------------------------

void ClusterWorld::step() {
    ++now_;
    const auto dice = below(100);
    if (dice < 25) {
        send_client();
    } else if (dice < 50) {
        deliver();
        poll();
    } else if (dice < 70) {
        if (!nodes_.empty()) any_node().step_storage();
    } else if (dice < 74) {
        cluster_.deliver_late();
        if (!frozen_.empty()) frozen_[below(frozen_.size())]->step_storage();
    } else if (dice < 86) {
        claim_one();
    } else if (dice < 94) {
        if (!nodes_.empty()) any_node().look();
    } else if (dice < 96) {
        if (!nodes_.empty()) die(below(nodes_.size()), chance(50));
    } else if (dice < 99) {
        if (nodes_.size() < nodes_wanted) start_node();
    } else {
        clock_.advance(std::chrono::seconds(1));
    }
    bury();
    give_up_waiting();
}

/// All that is on its way arrives, as far as its time has come.
void ClusterWorld::settle() {
    constexpr int turns_max = 10'000;
    bool goes_on = true;
    for (int turn = 0; goes_on && turn < turns_max; ++turn) {
        goes_on = deliver();
        poll();
        for (const auto& node : nodes_) goes_on = node->step_storage() || goes_on;
        bury();
        poll();
        goes_on = goes_on || !letters_.empty();
    }
}

void ClusterWorld::finish() {
    is_healed_ = true;
    now_ += longest_way;
    while (cluster_.deliver_late()) {
    }
    for (const auto& node : frozen_) {
        while (node->step_storage()) {
        }
    }
    settle();
    now_ += patience;
    give_up_waiting();
    settle();
    clients_.clear();
    while (nodes_.size() < nodes_wanted) start_node();
    for (std::size_t shard = 0; shard < shards_; ++shard) {
        if (find_node(cluster_.fence(shard).owner) != nullptr) continue;
        Node& node = any_node();
        node.own(shard, cluster_.claim(shard, node.number()));
    }
    for (const auto& node : nodes_) node->look();
    for (const auto& node : nodes_) {
        for (std::size_t device = 0; device < devices_.size(); ++device) {
            if (!devices_[device].is_registered) continue;
            Client client;
            client.node = node->number();
            client.device = device;
            read(client);
            clients_.push_back(std::move(client));
        }
    }
    for (const auto& node : nodes_) {
        Client client;
        client.node = node->number();
        list(client);
        clients_.push_back(std::move(client));
    }
    const auto listed = counts_.listed;
    settle();
    if (counts_.listed != listed + nodes_.size())
        breaks("devices cannot be listed although all shards are served");
    if (!clients_.empty()) breaks("a device cannot be read although all shards are served");
}

}  // namespace carillon::testing
