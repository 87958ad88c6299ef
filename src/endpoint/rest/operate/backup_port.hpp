#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http/http_message.hpp"

#include <memory>
#include <string>

namespace carillon::rest {

/// Where backups of the running hub come from; docs/backup.md.
class BackupPort {
public:
    virtual ~BackupPort() = default;
    /// An archive of all that was acknowledged before the call. Its bytes are made as they are taken; it is
    /// cut off when something fails, or when it is taken too slowly. Fails with `server_busy` while another
    /// is on its way, and with what the store says. Any thread.
    /// `since`, unless it is empty, is the `store.files` of an earlier archive, whose tables are left out; fails
    /// with `argument_invalid` if it is not one.
    virtual Task<Result<std::shared_ptr<BodySource>>> begin(std::string since) = 0;
};

}  // namespace carillon::rest
