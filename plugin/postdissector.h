// The post-dissector: when it reads, when it shows, and how long things live.
//
// Model: three stages a frame, apart from each other. Read: epan to plain values (SegmentReader). Think: the core
// observes, or is asked; no epan. Show: values to tree and expert infos (finding_view), owning nothing. So no C++
// exception reaches epan, and no longjmp of epan's crosses an object that has a destructor.
//   A frame is read on its first visit and never again. A visited frame is looked up: frame -> streams -> findings.
//   Until the last frame was read (a live capture, a file that is being loaded) a revisit shows what the frame said on
//   its first visit; from then on, every frame of a stream shows the stream's sealed findings.
// Lives: one Session from init to cleanup, that is, one reading of one capture; Wireshark starts another to dissect
// again (preferences, a protocol switched on or off, an ignored frame). It doesn't say when it has done so: the first
// revisit ends the reading of a capture that had been read to its end before. With the protocol disabled there is no
// Session and no tap listener, and epan doesn't call us.
// Limits: a display filter that is set while Wireshark loads or captures is asked on first visits, before the rest of a
// stream is known; apply it again (Enter) to see whole streams. Under `tshark -2 -R FILTER` the frames that the filter
// drops lend their number to the next one, in the first pass only; a finding may then name a frame by a number that it
// lost. `-Y` has no such trouble. A capture whose first frame the user ignores isn't known again; its findings stay
// provisional.
#pragma once

#include <vector>

#include "finding.h"

namespace tcpwhy::plugin {

/// Registers the protocol "tcpwhy" with its fields, preferences and routines.
void register_protocol();

/// The findings of the streams of a frame, once all frames were read; before, and where tcpwhy is off, none. May throw
/// std::bad_alloc.
[[nodiscard]] std::vector<Finding> sealed_findings(FrameNumber frame);

/// Hooks it in as a post-dissector. All protocols have registered by then.
void register_handoff();

}  // namespace tcpwhy::plugin
