#pragma once

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace carillon {

// Checks of values where they are given. What they find wrong is said in the words of the flag, with what it
// takes; exit code 2, and nothing has been sent.

/// A whole number from `least` to `most`, of `unit` such as `seconds`.
CLI::Validator whole_number(std::int64_t least, std::int64_t most, const std::string& unit = {});
/// A number of 1 or more, such as a number of rows.
CLI::Validator at_least_one();
/// A number from `least` to `most`.
CLI::Validator number_between(double least, double most, const std::string& unit = {});
/// One of these words, in any case.
CLI::Validator one_of(const std::vector<std::string>& words);
/// An id that a job may have. Source: `Job::is_id`, docs/jobs.md.
CLI::Validator job_id();

/// Every option of every command that takes a value refuses an empty one, but for the few to which it means
/// something: an empty shell variable is a mistake, not the absence of a flag.
void refuse_empty_values(CLI::App& app);

}  // namespace carillon
