#pragma once

#include "base/result.hpp"
#include "endpoint/rest/http/streamed_response.hpp"
#include "endpoint/rest/web/overview.hpp"

#include <atomic>
#include <memory>
#include <string_view>

namespace carillon::rest {

/// Sends one client the overview, once a second, as server-sent events named `overview`. A client that does
/// not read is sent nothing more until it has taken what waits for it. Lives on the channel's thread.
class OverviewStream final : public StreamedResponse {
public:
    /// Ours: how many may look at one hub at a time.
    static constexpr std::size_t count_max = 256;
    using Count = std::atomic<std::size_t>;

    /// `sampler` and `count` outlive the stream. Fails with `throttling_exception`.
    static Result<std::shared_ptr<OverviewStream>> open(OverviewSampler& sampler, Count& count);
    ~OverviewStream() override;
    OverviewStream(const OverviewStream&) = delete;
    OverviewStream& operator=(const OverviewStream&) = delete;

private:
    OverviewStream(OverviewSampler& sampler, Count& count) : sampler_(sampler), count_(count) {}
    void started() override;
    static Task<> run(std::shared_ptr<OverviewStream> self);
    void say(std::string_view document);

    OverviewSampler& sampler_;
    Count& count_;
};

}  // namespace carillon::rest
