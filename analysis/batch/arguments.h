// The command line, read: what somebody wants, as values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "filter.h"
#include "settings.h"

namespace tcpwhy::batch {

enum class Format : std::uint8_t { text, json, ndjson, csv };
enum class When : std::uint8_t { automatic, always, never };

/// What tcpwhy exits with. Scripts rely on it.
enum ExitStatus : int {
  kNothingFound = 0,  ///< Nothing above note.
  kFindings = 1,      ///< Findings of severity warn or error.
  kUsage = 2,
  kUnreadable = 3,    ///< Some of the input could not be read, or some of the output not be written; all else was.
};

/// Which of `count` equal shares of the connections.
struct Shard {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
};

/// Read, explain, report.
struct Explain {
  bool of_parts = false;             ///< The inputs are parts that `profile` wrote.
  std::vector<std::string> inputs;
  Settings settings;
  Filter filter;
  Format format = Format::text;
  bool all = false;                  ///< Findings of severity chat, too.
  std::optional<std::string> write;  ///< Where to carve the streams with incidents to; of parts: where to write the larger part to.
  bool neighbours = false;
  When colour = When::automatic;
  When progress = When::automatic;
  std::size_t width = 0;             ///< 0: the terminal's.
};

/// Write the part of something larger.
struct WritePart {
  std::vector<std::string> inputs;
  std::string part;
  Shard shard;
  When progress = When::automatic;
};

/// Nothing is left to do: help was printed, or what is wrong with the arguments.
struct Done {
  int status = 0;
};

[[nodiscard]] std::variant<Explain, WritePart, Done> read_arguments(int count, const char* const* values);

}  // namespace tcpwhy::batch
