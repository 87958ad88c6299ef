#pragma once

#include "core/jobs/job_order.hpp"
#include "core/jobs/job_target_scan.hpp"
#include "core/jobs/part_gate.hpp"
#include "core/shard/shards.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

namespace carillon {

/// What the coordinator wants of a part of a job. It says what is to be, not what has changed: it may come
/// twice, late, or in another order, and what is lost is made good by the next.
struct PartWish {
    /// Find the devices and store them; answered by `PartNews::Prepared`.
    struct Prepare {
        std::shared_ptr<JobEntry> entry;
        std::optional<query::JobCondition> condition;
        WallTime started;
        JobSources sources;
    };
    /// Store where the devices stand; answered by `PartNews::Placed`.
    struct Place {
        std::shared_ptr<JobEntry> entry;
        PartPlaces places;
    };
    /// Begin, if that has not happened; answered by `PartNews::Finished`, once it has ended.
    struct Begin {};
    /// Cancel what has not ended, after it has begun.
    struct Cancel {};
    /// Forget what was prepared, and its events; where mail may get lost, answered by `PartNews::Discarded`.
    struct Discard {};
    /// See `JobPart::obey`, `JobPart::permit`; answered by a report.
    struct Obey {
        PartOrders orders;
    };
    struct Permit {
        std::uint64_t granted = 0;
    };

    std::uint64_t job = 0;
    std::uint64_t attempt = 0;  ///< Of its start: `JobLifecycle::attempt`.
    std::variant<Prepare, Place, Begin, Cancel, Discard, Obey, Permit> what;
};

/// What a part has found: how many devices and, where they are to stand in an order, what that is made of.
struct PreparedPart {
    std::uint64_t devices = 0;
    PartKeys keys;
    Sha256Digest digest{};      ///< Of a job with a rollout.
    std::uint64_t planned = 0;  ///< Devices that its plan has found too.
};

/// What a part tells: only what is durable, so that it stays true however late it comes.
struct PartNews {
    struct Prepared {
        std::uint64_t attempt = 0;
        Result<PreparedPart> found;
    };
    struct Placed {
        std::uint64_t attempt = 0;
        Result<> stored;
    };
    struct Discarded {
        std::uint64_t attempt = 0;
    };
    /// All its devices have ended. With the last report of a job with a rollout.
    struct Finished {
        std::optional<GateReport> last;
    };

    std::uint64_t job = 0;
    std::size_t part = 0;
    std::variant<Prepared, Placed, Discarded, Finished, GateReport> what;
};

/// What becomes of wishes and news on their way, for tests: between threads they arrive, once and in order.
class MailFate {
public:
    virtual ~MailFate() = default;
    /// Calls `deliver` on the thread of who is to hear it: once, several times, later or never.
    virtual void carry(std::function<void()> deliver) = 0;
};

/// The one way between a job's coordinator and its parts. Each side sends from its own thread.
class JobMail {
public:
    /// `fate` may be null.
    JobMail(Shards& shards, MailFate* fate) : shards_(shards), fate_(fate) {}
    ~JobMail() { *alive_ = false; }
    JobMail(const JobMail&) = delete;
    JobMail& operator=(const JobMail&) = delete;

    /// Who hears it, the parts by number. Before anything is sent.
    void connect(std::function<void(PartNews)> coordinator, std::vector<std::function<void(PartWish)>> parts);
    void wish(std::size_t part, PartWish wish);
    void tell(PartNews news);
    /// True if something may get lost: then what is not answered is said again.
    bool may_lose() const { return fate_ != nullptr; }

private:
    Shards& shards_;
    MailFate* const fate_;
    std::function<void(PartNews)> coordinator_;
    std::vector<std::function<void(PartWish)>> parts_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace carillon
