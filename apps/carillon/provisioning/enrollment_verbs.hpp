#pragma once

#include "carillon/enrollments.hpp"
#include "hub_flags.hpp"

#include <string>

namespace carillon {

// What `carillon enrollment` and `carillon enrollment-group` have in common. The words are those of
// `az iot dps`.

/// `--enrollment-id`, or the command's first plain argument.
void add_enrollment_id_flag(CLI::App& verb, std::string& id);

/// `import` and `export`: enrollments of both kinds, with their keys, from and to a file.
void add_enrollment_import(CLI::App& group, int& exit_code);
void add_enrollment_export(CLI::App& group, int& exit_code);

/// `registration` with its verbs; those of a group are listed, too.
void add_registration_group(CLI::App& group, Enrollments::Kind kind, int& exit_code);

/// `compute-device-key`: the key of one device of a group.
void add_compute_device_key(CLI::App& group, int& exit_code);

}  // namespace carillon
