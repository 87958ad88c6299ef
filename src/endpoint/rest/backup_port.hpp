#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "endpoint/rest/http_message.hpp"

#include <memory>

namespace carillon::rest {

/// Where backups of the running hub come from; docs/backup.md.
class BackupPort {
public:
    virtual ~BackupPort() = default;
    /// An archive of all that was acknowledged before the call. Its bytes are made as they are taken; it is
    /// cut off when something fails, or when it is taken too slowly. Fails with `server_busy` while another
    /// is on its way, and with what the store says. Any thread.
    virtual Task<Result<std::shared_ptr<BodySource>>> begin() = 0;
};

}  // namespace carillon::rest
