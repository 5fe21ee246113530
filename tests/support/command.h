// Runs a command line as a shell would, and keeps what it said.
#pragma once

#include <filesystem>
#include <string>

namespace tcpwhy::tests {

struct Outcome {
  int status = -1;  ///< Its exit status; -1 where a signal ended it.
  std::string out;
  std::string err;
};

/// A folder of its own, gone when this is.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

[[nodiscard]] Outcome run(const std::string& command);

/// All of a file; "" where there is none.
[[nodiscard]] std::string contents(const std::filesystem::path& file);

}  // namespace tcpwhy::tests
