#pragma once

#include "carillon/service_client.hpp"

#include <string>
#include <string_view>

namespace carillon {

// What the flags --quiet, --trace, --dry-run and --yes do. Settled while the command line is read, before any
// thread is started.

/// Leaves out messages and progress on standard error; errors stay.
void be_quiet();
bool is_quiet();

/// Has `options` print each request and answer on standard error, without its secrets.
void trace_requests(ServiceOptions& options);

/// Has `options` send nothing that changes something: such a request is printed on standard output instead,
/// and the call fails.
void hold_back_changes(ServiceOptions& options);
/// True if a call failed for that reason.
bool has_held_back();

/// `text` with the values of keys, signatures and tokens as `***`: members of JSON such as `primaryKey`, and
/// `SharedAccessKey=`, `sig=` and other secrets in connection strings, tokens and addresses.
std::string without_secrets(std::string_view text);

/// Asks `question` if standard input and standard error are terminals. True if the answer is y or yes, and
/// where they are not terminals.
bool is_confirmed(const std::string& question);

}  // namespace carillon
