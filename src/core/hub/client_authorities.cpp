#include "core/hub/client_authorities.hpp"

#include "base/await.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "core/shard/committer.hpp"
#include "model/possession.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace carillon {
namespace {

constexpr std::string_view authority_prefix = "client-authority/";
constexpr std::string_view behind_authorities = "client-authority0";  // '0' follows '/'.

std::string authority_key(std::string_view lower_name) {
    return std::string(authority_prefix).append(lower_name);
}

Error not_kept(const Error& error) {
    return {Errc::service_unavailable, "The hub's store cannot be written: " + error.detail};
}

bool is_authority_name(std::string_view name) {
    return !name.empty() && name.size() <= ClientAuthorities::name_chars_max &&
           std::all_of(name.begin(), name.end(), [](char c) {
               const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
               return is_letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
           });
}

/// Runs a task on the shard's thread and resumes on the caller's.
template <class T>
Task<T> there(Shard& shard, Task<T> task) {
    const boost::asio::any_io_executor here = co_await boost::asio::this_coro::executor;
    if (here == shard.executor()) co_return co_await std::move(task);
    co_return co_await boost::asio::co_spawn(shard.executor(), std::move(task), boost::asio::use_awaitable);
}

}  // namespace

std::string ClientAuthority::encode() const {
    std::string text;
    JsonWriter json(text);
    json.begin_object().member("name", name).member("der", certificate.der).member("verified", is_verified);
    json.member("code", code).member("etag", etag).member("created", to_iso8601(created));
    json.member("updated", to_iso8601(updated)).end_object();
    return text;
}

Result<ClientAuthority> ClientAuthority::decode(std::string_view stored) {
    const auto document = JsonDocument::parse(stored);
    if (document && document->root().is_object()) {
        const JsonValue root = document->root();
        const auto created = parse_iso8601(root.find("created").string());
        const auto updated = parse_iso8601(root.find("updated").string());
        auto certificate = parse_certificate(root.find("der").string(), CertificateUse::signing);
        if (created && updated && certificate && !root.find("name").string().empty()) {
            return ClientAuthority{.name = std::string(root.find("name").string()),
                                   .certificate = *std::move(certificate),
                                   .is_verified = root.find("verified").boolean(),
                                   .code = std::string(root.find("code").string()),
                                   .etag = std::string(root.find("etag").string()),
                                   .created = *created,
                                   .updated = *updated};
        }
    }
    return fail(Errc::store_corrupt, "the certificate of a client authority does not decode");
}

class ClientAuthorities::Turn {
public:
    explicit Turn(bool& is_busy) : is_busy_(is_busy) {}
    ~Turn() { is_busy_ = false; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    bool& is_busy_;
};

Task<> ClientAuthorities::take_turn() {
    while (is_busy_) (void)co_await shard_.committer().durable();
    is_busy_ = true;
}

Result<> ClientAuthorities::load() {
    Map read;
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto authority = ClientAuthority::decode(value);
        if (authority) {
            read.emplace(key.substr(authority_prefix.size()), *std::move(authority));
        } else {
            outcome = fail(std::move(authority).error());
        }
        return outcome.has_value();
    };
    auto scanned = shard_.store().scan(Table::meta, authority_prefix, behind_authorities, visit);
    if (!scanned || !outcome) return scanned ? outcome : scanned;
    const std::lock_guard lock(mutex_);
    by_name_ = std::move(read);
    return {};
}

std::vector<ClientAuthority> ClientAuthorities::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<ClientAuthority> authorities;  // Bound: authorities_max
    for (const auto& [lower_name, authority] : by_name_) authorities.push_back(authority);
    return authorities;
}

Result<ClientAuthority> ClientAuthorities::find(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_name_.find(to_lower(name));
    if (found == by_name_.end()) {
        return fail(Errc::generic_not_found, fmt::format("There is no certificate '{}'.", name));
    }
    return found->second;
}

Result<ClientAuthority> ClientAuthorities::find_for(std::string_view name, const EtagMatch& match) const {
    auto found = find(name);
    if (found && !match.accepts(found->etag)) return fail(Errc::precondition_failed);
    return found;
}

std::vector<std::string> ClientAuthorities::trusted() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> certificates;  // Bound: authorities_max
    for (const auto& [lower_name, authority] : by_name_) {
        if (authority.is_verified) certificates.push_back(authority.certificate.der);
    }
    return certificates;
}

Task<Result<ClientAuthority>> ClientAuthorities::put(std::string name, std::string certificate,
                                                     bool is_verified, EtagMatch match) {
    auto putting = put_here(std::move(name), std::move(certificate), is_verified, std::move(match));
    co_return co_await there(shard_, std::move(putting));
}

Task<Result<>> ClientAuthorities::remove(std::string name, EtagMatch match) {
    auto removing = remove_here(std::move(name), std::move(match));
    co_return co_await there(shard_, std::move(removing));
}

Task<Result<ClientAuthority>> ClientAuthorities::begin_proof(std::string name, EtagMatch match) {
    auto beginning = begin_here(std::move(name), std::move(match));
    co_return co_await there(shard_, std::move(beginning));
}

Task<Result<ClientAuthority>> ClientAuthorities::prove(std::string name, std::string proof, EtagMatch match) {
    auto proving = prove_here(std::move(name), std::move(proof), std::move(match));
    co_return co_await there(shard_, std::move(proving));
}

Task<Result<ClientAuthority>> ClientAuthorities::put_here(std::string name, std::string certificate,
                                                          bool is_verified, EtagMatch match) {
    if (!is_authority_name(name)) {
        co_return fail(Errc::argument_invalid,
                       "The name must be 1 to 64 letters, digits, '-', '.' and '_'.");
    }
    auto read = parse_certificate(certificate, CertificateUse::signing);
    if (!read) co_return fail(std::move(read).error());
    co_await take_turn();
    const Turn turn(is_busy_);
    const WallTime now = shard_.clock().wall_now();
    ClientAuthority next;
    next.name = std::move(name);
    next.created = now;
    auto held = find_for(next.name, match);
    if (held) {
        next.name = held->name;
        next.created = held->created;
        // The same certificate stays what it was.
        if (held->certificate.der == read->der) {
            is_verified = is_verified || held->is_verified;
            next.code = held->code;
        }
    } else if (held.error().code == Errc::precondition_failed || match.kind == EtagMatch::Kind::exact) {
        co_return fail(Errc::precondition_failed);
    } else if (all().size() >= authorities_max) {
        co_return fail(Errc::argument_invalid,
                       fmt::format("A hub has at most {} certificates of authorities.", authorities_max));
    }
    next.certificate = *std::move(read);
    next.is_verified = is_verified;
    auto saving = save(std::move(next));
    co_return co_await std::move(saving);
}

Task<Result<>> ClientAuthorities::remove_here(std::string name, EtagMatch match) {
    co_await take_turn();
    const Turn turn(is_busy_);
    const auto held = find_for(name, match);
    if (!held) co_return fail(held.error());
    const std::string lower_name = to_lower(held->name);
    shard_.committer().batch().erase(Table::meta, authority_key(lower_name));
    const auto saved = co_await shard_.committer().durable();
    if (!saved) co_return fail(not_kept(saved.error()));
    {
        const std::lock_guard lock(mutex_);
        by_name_.erase(lower_name);
    }
    log.info("client authority removed name={}", held->name);
    auto applying = apply_now();
    co_return co_await std::move(applying);
}

Task<Result<ClientAuthority>> ClientAuthorities::begin_here(std::string name, EtagMatch match) {
    co_await take_turn();
    const Turn turn(is_busy_);
    auto held = find_for(name, match);
    if (!held) co_return held;
    // As long as the service's: azure-docs: iot-hub, "Upload and verify a CA certificate".
    held->code = shard_.random().hex32() + shard_.random().hex32().substr(0, 16);
    auto saving = save(*std::move(held));
    co_return co_await std::move(saving);
}

Task<Result<ClientAuthority>> ClientAuthorities::prove_here(std::string name, std::string proof,
                                                            EtagMatch match) {
    co_await take_turn();
    const Turn turn(is_busy_);
    auto held = find_for(name, match);
    if (!held) co_return held;
    if (held->code.empty()) {
        co_return fail(Errc::argument_invalid, "No verification code was asked for: generateVerificationCode.");
    }
    const WallTime now = shard_.clock().wall_now();
    if (auto proved = check_possession(held->certificate.der, proof, held->code, now); !proved) {
        co_return fail(std::move(proved).error());
    }
    held->is_verified = true;
    held->code.clear();
    auto saving = save(*std::move(held));
    co_return co_await std::move(saving);
}

Task<Result<ClientAuthority>> ClientAuthorities::save(ClientAuthority authority) {
    authority.updated = shard_.clock().wall_now();
    authority.etag = shard_.random().hex32().substr(0, 12);
    const std::string lower_name = to_lower(authority.name);
    shard_.committer().batch().put(Table::meta, authority_key(lower_name), authority.encode());
    const auto saved = co_await shard_.committer().durable();
    if (!saved) co_return fail(not_kept(saved.error()));
    {
        const std::lock_guard lock(mutex_);
        by_name_.insert_or_assign(lower_name, authority);
    }
    log.info("client authority written name={} sha1={} verified={}", authority.name, authority.certificate.sha1,
             authority.is_verified);
    auto applying = apply_now();
    if (auto applied = co_await std::move(applying); !applied) co_return fail(std::move(applied).error());
    co_return authority;
}

Task<Result<>> ClientAuthorities::apply_now() {
    if (!apply_) co_return Result<>{};
    auto begin = [this](UniqueFunction<void(Result<>)> done) {
        auto held = std::make_shared<UniqueFunction<void(Result<>)>>(std::move(done));
        shard_.storage().run([held, apply = apply_, certificates = trusted(), executor = shard_.executor()] {
            auto applied = std::make_shared<Result<>>(apply(certificates));
            boost::asio::post(executor, [held, applied] { (*held)(std::move(*applied)); });
        });
    };
    auto applied = co_await from_callback<Result<>>(std::move(begin));
    if (applied) co_return applied;
    log.error("client authorities not in use before the next start reason={:?}", applied.error().detail);
    co_return fail(Errc::service_unavailable,
                   "The change is kept, but connections do not know of it before the hub starts again.");
}

}  // namespace carillon
