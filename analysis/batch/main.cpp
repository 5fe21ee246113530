#include <cstdio>
#include <exception>
#include <iostream>
#include <variant>

#include <fmt/format.h>

#include "arguments.h"
#include "explaining.h"

using namespace tcpwhy::batch;

int main(int count, char** values) {
  std::ios::sync_with_stdio(false);
  try {
    const auto wish = read_arguments(count, values);
    if (const auto* explain_this = std::get_if<Explain>(&wish)) return explain(*explain_this);
    if (const auto* part = std::get_if<WritePart>(&wish)) return write_part(*part);
    return std::get<Done>(wish).status;
  } catch (const std::exception& error) {
    fmt::print(stderr, "tcpwhy: {}\n", error.what());
    return kUnreadable;
  }
}
