// Writes the generated captures of captures/: those stories of the book that no real capture tells.
//
//   tcpwhy_capture_gen FOLDER     FOLDER/<id>/capture.pcapng and README.md, for each of them
//
// The same stories give the same bytes, always; house_rules_test.cpp fails when the committed ones are stale.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "support/packet_script.h"
#include "support/pcapng_writer.h"
#include "support/story_book.h"

namespace tcpwhy::tests {
namespace {

std::string readme(const BookStory& story, const Capture& capture) {
  return fmt::format(
      "# {0}\n\n"
      "{1}\n\n"
      "Generated: the story `{0}` of `tests/support/story_book.cpp`, written by `tcpwhy_capture_gen`. Both hosts "
      "behave as "
      "Linux 6 does. Don't edit; `cmake --build build/dev --target captures` refreshes it.\n\n"
      "Fires `{2}`.\n\n"
      "```\n{3}```\n",
      story.id, story.told, story.cause, to_lines(capture));
}

void generate(const std::filesystem::path& folder) {
  for (const BookStory& story : story_book()) {
    if (!story.in_captures) continue;
    const std::filesystem::path own = folder / story.id;
    std::filesystem::create_directories(own);
    const Capture capture = story.tell();
    write_pcapng(own / "capture.pcapng", capture, story.id);
    std::ofstream out(own / "README.md", std::ios::binary);
    out << readme(story, capture);
    if (!out.flush()) throw std::runtime_error("cannot write " + (own / "README.md").string());
  }
}

}  // namespace
}  // namespace tcpwhy::tests

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: tcpwhy_capture_gen FOLDER\n", stderr);
    return 2;
  }
  try {
    tcpwhy::tests::generate(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tcpwhy_capture_gen: %s\n", error.what());
    return 1;
  }
  return 0;
}
