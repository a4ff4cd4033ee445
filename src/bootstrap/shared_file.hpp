// A small private file through which processes of one user hand each other a unique id. It holds a secret:
// only its owner may read it, and a file that somebody else has put in its place is refused, not followed.
#pragma once

#include <optional>
#include <string>

#include "bootstrap/unique_id.hpp"

namespace tutti {

/// Puts the id there, at once and whole, in place of one that an earlier job has left. Throws system_error,
/// also when something else is there.
void write_id_file(const std::string& path, const UniqueId& id);
/// The id that is there; nothing when there is none (yet). Throws system_error when the file is not the
/// caller's own.
[[nodiscard]] std::optional<UniqueId> read_id_file(const std::string& path);
/// Removes it, if it still holds this id.
void remove_id_file(const std::string& path, const UniqueId& id) noexcept;

}  // namespace tutti
