#pragma once

#include "core/configurations/configuration_rules.hpp"
#include "core/port/shard_seat.hpp"
#include "core/shard/background_turns.hpp"
#include "core/shard/shard.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// What one shard tells about the configurations it works with; on the shard's thread.
struct ConfigurationNews {
    /// Every twin was looked at under the set of this epoch, and what that led to is on disk.
    std::function<void(std::uint64_t epoch)> passed;
    /// No twin of the shard holds anything of this removed configuration, on disk and for good. Told again
    /// with every set that knows it.
    std::function<void(ConfigurationNumber number)> clean;
};

/// Keeps the twins of one shard as the hub's configurations want them: looks at all of them when the set
/// of configurations changes and when the hub starts, and at a twin whenever it was written. Works in
/// slices in the background lane. The shard's thread only.
///
/// A twin is compared, not counted: it is written only where it differs from what is wanted, so looking
/// again is harmless, and no change can come back to itself. Which configurations select a twin
/// is stored in the batch that gives it their settings; from that a later look, or a restart, knows
/// what to take back. See docs/configurations.md.
class ConfigurationShard final : public BackgroundWork,
                                 public ShardObserver,
                                 public WriteObserver,
                                 public ConfigurationCounter {
public:
    static constexpr std::chrono::microseconds slice_max{250};
    /// Ours: twins on their way to disk.
    static constexpr std::size_t writes_max = 1024;
    /// Ours: of these, twins of connected devices, who are told in one go when they are there.
    static constexpr std::size_t told_max = 64;
    /// Ours: written twins that wait to be looked at. Beyond, all twins are looked at instead.
    static constexpr std::size_t waiting_max = 65'536;
    /// Ours: after a refused commit, how long until work goes on.
    static constexpr std::chrono::seconds retry_delay{1};
    static constexpr std::size_t layers_kept_min = 1024;
    /// Ours: between two lines of the log that say for how many twins conditions took too much.
    static constexpr std::chrono::seconds overdrawn_interval{60};

    ConfigurationShard(Shard& shard, ConfigurationNews news);

    /// Reads which configurations select which twins. Before the shard's thread runs.
    Result<> load(std::shared_ptr<const ConfigurationSet> set);
    /// Works with this set from now on; what is known in it is known for as long as a twin needs it.
    void install(std::shared_ptr<const ConfigurationSet> set);
    void stop();

    struct Counts {
        std::int64_t targeted = 0;
        std::int64_t applied = 0;
    };
    std::vector<ConfigurationCount> count_configurations() const override;

    bool step() override;
    void settled(Record& record) override;
    void method_ready(Record&) override {}
    void removed(Record& record) override;

private:
    using Layers = std::shared_ptr<const ConfigurationLayers>;

    Result<> load_row(Record& record, std::string_view value);
    Record* next();
    Record* next_waiting();
    Record* next_in_pass();
    bool may_write();
    Record* begun();
    void look_at(Record& record, TimePoint enough);
    bool ask_all(const query::Row& row, TimePoint enough);
    void tell_overdrawn();
    Layers layers_of(const Record& record) const;
    Layers find_layers(const std::vector<ConfigurationNumber>& numbers, bool is_refused);
    bool write(Record& record, const Layers& before, const Layers& after);
    void written(Ordinal ordinal, std::int64_t version, const Layers& after, bool is_durable);
    void count(const ConfigurationLayers& layers, int sign);
    void enqueue(Ordinal ordinal);
    void begin_pass();
    void tell();
    std::int64_t& checked_version(Ordinal ordinal);

    Shard& shard_;
    ConfigurationNews news_;
    BackgroundTurns turns_;
    std::shared_ptr<const ConfigurationSet> set_;
    std::map<ConfigurationNumber, Counts> counts_;
    /// What twins of this shard share, while any of them does.
    std::map<std::pair<std::vector<ConfigurationNumber>, bool>, std::weak_ptr<const ConfigurationLayers>>
        layers_;
    std::size_t layers_kept_ = layers_kept_min;  ///< At so many, those that nothing shares are forgotten.
    /// The twin that is looked at, by ordinal; how many rules were asked about it, and which select it.
    std::optional<Ordinal> looking_at_;
    std::size_t asked_ = 0;
    std::vector<ConfigurationNumber> selected_;
    query::Meter meter_;                 ///< Of the conditions.
    std::uint64_t next_clock_look_ = 0;  ///< In steps of it.
    /// Looks at twins for which a condition took too much, since the log last said so.
    std::map<ConfigurationNumber, std::uint64_t> overdrawn_;
    TimePoint next_overdrawn_line_{};
    /// By ordinal: the `$version` of the desired properties that were found as they should be.
    std::vector<std::int64_t> checked_versions_;
    std::deque<Ordinal> waiting_;   ///< Written since they were looked at.
    std::vector<bool> is_waiting_;  ///< By ordinal.
    Ordinal cursor_ = 0;            ///< Of the pass over all.
    bool is_passing_ = false;
    bool passes_again_ = false;  ///< Begins anew when it is through.
    bool is_turn_of_pass_ = false;
    bool has_passed_ = true;                    ///< `passed` was told for the set.
    std::size_t writes_ = 0;                    ///< On their way to disk.
    std::size_t told_ = 0;                      ///< Of these, of connected devices.
    std::vector<ConfigurationNumber> removed_;  ///< Those of the set that are not told to be clean.
    bool is_begun_ = false;
    bool is_paused_ = false;
    bool is_stopped_ = false;
};

}  // namespace carillon
