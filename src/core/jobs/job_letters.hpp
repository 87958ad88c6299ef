#pragma once

#include "core/jobs/job_target_scan.hpp"
#include "core/jobs/part_gate.hpp"

#include <cstdint>
#include <optional>
#include <variant>

namespace carillon {

/// What the coordinator wants of a part of a job, which it names by number and attempt. It says what is to
/// be, not what has changed: it may come twice, late, or in another order, and what is lost is made good by
/// the next. As bytes: `job_mail_bytes.hpp`.
struct PartWish {
    /// Find the devices and store them; answered by `PartNews::Prepared`.
    struct Prepare {
        WallTime started;
        JobSources sources;
    };
    /// Store where the devices stand; answered by `PartNews::Placed`.
    struct Place {
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

}  // namespace carillon
