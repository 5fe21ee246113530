// Standard input in a file, for who has to read it twice. Gone when this is.
#pragma once

#include <string>
#include <vector>

namespace tcpwhy::batch {

class Spool {
 public:
  /// Reads standard input to its end if it is among the inputs and no file. Throws std::runtime_error where it can't be kept.
  explicit Spool(std::vector<std::string> inputs);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Whether it was.
  explicit operator bool() const { return !file_.empty(); }
  /// The same inputs, with the file in its place.
  [[nodiscard]] const std::vector<std::string>& inputs() const { return inputs_; }

 private:
  std::vector<std::string> inputs_;
  std::string file_;
};

}  // namespace tcpwhy::batch
