#pragma once

#include "core/shard/shard.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace carillon {

/// Keeps a shard's twin log short, so that a restart has little to replay: when it is over its bounds
/// the oldest entries' documents are written whole at a gentle pace, and the entries erased when all
/// of that is durable. Interrupting it at any point is harmless. The shard's thread only.
class TwinLogFolder {
public:
    /// Ours: the pace, some 25,000 documents a second. What else a shard has to do waits for one slice.
    static constexpr std::size_t slice_devices = 64;
    static constexpr int slices_at_a_stretch = 4;
    static constexpr std::chrono::milliseconds stretch_pause{10};
    /// Ours: while a twin job logs, folding waits until it was quiet for so long, or until the log is
    /// over `patience` times its bounds.
    static constexpr std::chrono::milliseconds quiet_after{100};
    static constexpr std::size_t patience = 2;
    /// Ours: entries folded in one pass; and how long after a refused commit the next pass begins.
    static constexpr std::size_t pass_devices_max = 100'000;
    static constexpr std::chrono::seconds retry_delay{5};

    /// Folds from above these bounds down to half of them.
    TwinLogFolder(Shard& shard, std::size_t devices_max, std::size_t bytes_max);
    ~TwinLogFolder() { *alive_ = false; }
    TwinLogFolder(const TwinLogFolder&) = delete;
    TwinLogFolder& operator=(const TwinLogFolder&) = delete;

    /// Measures what is in the log. Before the shard's thread runs.
    Result<> load();
    void start();
    void stop() { is_stopped_ = true; }
    /// An entry became durable.
    void logged(std::size_t devices, std::size_t bytes);

    std::size_t devices() const { return devices_; }
    bool is_folding() const { return is_folding_; }

private:
    /// The oldest entries of the log.
    struct Pass {
        std::vector<Ordinal> ordinals;  ///< Each once.
        std::uint64_t last_sequence = 0;
        std::size_t devices = 0;
        std::size_t bytes = 0;
    };
    static Result<Pass> read_oldest(const Store& store, std::uint32_t shard);
    void begin_if_due();
    void read();
    void fold();
    bool gives_way() const;
    void erase();
    void end(bool is_refused);
    void go_on();
    void after(Duration delay, void (TwinLogFolder::*next)());

    Shard& shard_;
    const std::size_t devices_max_;
    const std::size_t bytes_max_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::size_t devices_ = 0;  ///< Documents the durable entries stand for.
    std::size_t bytes_ = 0;
    TimePoint last_logged_{};
    Pass pass_;
    std::size_t folded_ = 0;  ///< Of `pass_.ordinals`.
    int slices_ = 0;          ///< Of this stretch.
    bool has_refusal_ = false;
    bool is_folding_ = false;
    bool is_emptying_ = false;  ///< From over the bounds down to half of them.
    bool is_stopped_ = false;
};

}  // namespace carillon
