#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "core/shard/shard.hpp"
#include "model/certificate.hpp"
#include "model/etag_match.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// An authority that back ends have brought to sign device certificates. Until somebody has proved to hold its
/// key, or has vouched for it, no device is believed by it. Source: IoT Hub REST, Certificates.
struct ClientAuthority {
    std::string name;  ///< As first spelled. Compared without case.
    EnrolledCertificate certificate;
    bool is_verified = false;
    std::string code;  ///< The common name that a proof must have; empty if none was asked for.
    std::string etag;
    WallTime created;
    WallTime updated;

    std::string encode() const;
    /// Fails with `store_corrupt`.
    static Result<ClientAuthority> decode(std::string_view stored);
};

/// The authorities of a hub, beside those of the setting `tls.client_ca`. Writes happen on one shard; any thread may
/// call.
class ClientAuthorities {
public:
    /// Source: IoT Hub docs, "IoT Hub quotas and throttling".
    static constexpr std::size_t authorities_max = 25;
    static constexpr std::size_t name_chars_max = 64;

    explicit ClientAuthorities(Shard& shard) : shard_(shard) {}

    /// Has connections believe exactly these from now on, each as DER in base64. Blocks; called on the shard's
    /// storage thread.
    using Apply = std::function<Result<>(const std::vector<std::string>& trusted)>;
    void use(Apply apply) { apply_ = std::move(apply); }
    /// Before the shard's thread runs. Fails with `store_failed` and `store_corrupt`.
    Result<> load();

    std::vector<ClientAuthority> all() const;
    /// Fails with `generic_not_found`, as all that take a name do.
    Result<ClientAuthority> find(std::string_view name) const;
    /// Those that are verified, as DER in base64.
    std::vector<std::string> trusted() const;

    /// Keeps a certificate (PEM, or DER in base64), or puts another in the place of one. Fails with
    /// `argument_invalid` and `precondition_failed`.
    Task<Result<ClientAuthority>> put(std::string name, std::string certificate, bool is_verified,
                                      EtagMatch match);
    Task<Result<>> remove(std::string name, EtagMatch match);
    /// Makes a new code; the one before is void.
    Task<Result<ClientAuthority>> begin_proof(std::string name, EtagMatch match);
    /// `proof` is a certificate with the code as its common name, signed by the authority.
    Task<Result<ClientAuthority>> prove(std::string name, std::string proof, EtagMatch match);

private:
    using Map = std::map<std::string, ClientAuthority>;  ///< By name in lower case.
    /// Held by the one write that is under way.
    class Turn;

    Task<Result<ClientAuthority>> put_here(std::string name, std::string certificate, bool is_verified,
                                           EtagMatch match);
    Task<Result<>> remove_here(std::string name, EtagMatch match);
    Task<Result<ClientAuthority>> begin_here(std::string name, EtagMatch match);
    Task<Result<ClientAuthority>> prove_here(std::string name, std::string proof, EtagMatch match);
    Task<> take_turn();
    Result<ClientAuthority> find_for(std::string_view name, const EtagMatch& match) const;
    /// Writes it; has connections believe what is verified then.
    Task<Result<ClientAuthority>> save(ClientAuthority authority);
    Task<Result<>> apply_now();

    Shard& shard_;
    Apply apply_;
    bool is_busy_ = false;
    mutable std::mutex mutex_;  ///< Guards `by_name_`.
    Map by_name_;               ///< Bound: authorities_max
};

}  // namespace carillon
