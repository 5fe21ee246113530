// Prints the pages of docs/ that come from the catalogue.
//
//   tcpwhy_docs FOLDER     writes FOLDER/diagnoses.md, FOLDER/fields.md and FOLDER/known_timeouts.md
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "pages.h"

namespace {

bool write(const std::filesystem::path& file, const std::string& page) {
  std::ofstream out(file, std::ios::binary);
  out << page;
  if (out.flush()) return true;
  std::fprintf(stderr, "tcpwhy_docs: cannot write %s\n", file.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: tcpwhy_docs FOLDER\n", stderr);
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const bool written = write(folder / "diagnoses.md", tcpwhy::docs::diagnoses_page()) &&
                       write(folder / "fields.md", tcpwhy::docs::fields_page()) &&
                       write(folder / "known_timeouts.md", tcpwhy::docs::timeouts_page());
  return written ? 0 : 1;
}
