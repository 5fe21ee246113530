// Shows what was found: the subtree "TCP Why" with its fields, and the expert infos.
//
// Model: a finding is a row. Every field but the links (proof, provoked_by) and the list ruled_out stands once for each
// finding, empty or not, in the same order, so that the columns of `-T fields -E occurrence=a` go together by index.
// Registration walks the catalogue: a diagnosis gets its expert info, tcpwhy.<id>, by being there.
// Limits: epan leaves the functions below by longjmp when it must (a tree with too many items). They own nothing: what
// they show belongs to the caller and outlives the call, and what they make belongs to the packet's pool.
#pragma once

#include <span>

#include "epan_compat.h"
#include "connection.h"
#include "finding.h"
#include "known_timeouts.h"

namespace tcpwhy::plugin {

/// What is to be said on one frame.
struct Page {
  Nanoseconds idle_gap = 0;                  ///< Before this frame; 0 where there was none.
  ResetRole role = ResetRole::none;          ///< If this frame is a RST.
  std::span<const Finding* const> findings;  ///< Of the frame's streams.
  std::span<const NamedTimeout> idle_timeouts;  ///< Of the endpoints of its streams.
  /// What tcpwhy itself had to forget, in a sentence; null where this frame isn't the one to say it.
  const char* forgotten = nullptr;
  /// The findings are what this frame said when it was read, and later ones may change it; their expert infos stand here.
  /// Else they are sealed, and their expert infos stand on their deciding frames.
  bool provisional = false;

  /// Whether a finding of this page is decided on this frame, the page's own.
  [[nodiscard]] bool decides(const Finding& finding, FrameNumber frame) const {
    return provisional || finding.verdict.deciding_frame == frame;
  }
  [[nodiscard]] bool empty() const {
    return idle_gap == 0 && role == ResetRole::none && findings.empty() && idle_timeouts.empty() && forgotten == nullptr;
  }
};

/// Registers every field and expert info. Once, in the protocol's registration.
void register_fields(int proto);

/// Has Wireshark show our subtrees opened until the user closes one: who meets "TCP Why" in a packet wants to read it.
/// Not before all protocols have registered; epan crashes.
void open_subtrees();

/// Whether somebody could see a page on this frame: what isn't shown needn't be put into words.
[[nodiscard]] bool is_wanted(proto_tree* tree);

/// Puts the page on the frame. With a null tree, the expert infos alone: `tshark -2 -q -z expert` counts on them.
/// REQUIRES: the page isn't empty.
void show(const Page& page, tvbuff_t* tvb, packet_info* pinfo, proto_tree* tree);

}  // namespace tcpwhy::plugin
