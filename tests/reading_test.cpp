// What one reading of a capture remembers of its frames.
#include "batch/reading.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "settings.h"
#include "support/capture_reader.h"

namespace tcpwhy::batch {
namespace {

/// Those, too, that only the end of the capture tells: on a FIN of which nothing was said when it was read.
TEST(Reading, KnowsWhenTheDecidingFrameOfEachFindingWas) {
  int findings = 0;
  for (const auto& file : tests::captures_in(std::filesystem::path(TCPWHY_SOURCE_DIR) / "captures")) {
    CaptureSet captures({file.string()});
    Reading reading(Settings{}, captures);
    reading.run({});
    reading.analyzer().for_each_finding([&](const Finding& finding) {
      ++findings;
      const FrameNumber frame = finding.verdict.deciding_frame;
      const Landmark* const landmark = reading.landmark(frame);
      ASSERT_TRUE(landmark != nullptr) << file << ": frame " << frame << ", " << finding.verdict.diagnosis->id;
      EXPECT_EQ(landmark->frame, frame);
      EXPECT_GT(landmark->time, 0);
    });
  }
  EXPECT_GT(findings, 500);
}

}  // namespace
}  // namespace tcpwhy::batch
