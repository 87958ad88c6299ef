#pragma once

#include "core/jobs/job_letters.hpp"
#include "core/shard/shards.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
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

/// Brings wishes and news to other nodes, as bytes; there they come to `JobMail::deliver_wish` and
/// `deliver_news`. What gets lost is said again. Any thread.
class MailCarrier {
public:
    virtual ~MailCarrier() = default;
    /// False if the shard of this number is on this node.
    virtual bool carries(std::size_t shard) const = 0;
    virtual void carry_wish(std::size_t part, std::string wish) = 0;
    virtual void carry_news(std::string news) = 0;
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
    /// What is for a shard on another node goes by `carrier`. Before anything is sent; it outlives this.
    void use(MailCarrier& carrier) { carrier_ = &carrier; }
    void wish(std::size_t part, PartWish wish);
    void tell(PartNews news);
    /// What has come from another node. False for bytes that are none, and for a part that there is not. Any
    /// thread.
    bool deliver_wish(std::size_t part, std::string_view wish);
    bool deliver_news(std::string_view news);
    /// True if something may get lost: then what is not answered is said again.
    bool may_lose() const { return fate_ != nullptr || carrier_ != nullptr; }

private:
    void post_wish(std::size_t part, PartWish wish);
    void post_news(PartNews news);

    Shards& shards_;
    MailFate* const fate_;
    MailCarrier* carrier_ = nullptr;
    std::function<void(PartNews)> coordinator_;
    std::vector<std::function<void(PartWish)>> parts_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace carillon
