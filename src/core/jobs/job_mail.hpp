#pragma once

#include "core/jobs/job_letters.hpp"
#include "core/shard/shards.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace carillon {

/// What becomes of wishes and news on their way, for tests: between threads they arrive, once and in order.
/// With a fate they go as bytes, as they would to another node.
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
