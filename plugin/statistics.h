// Wireshark's own statistics, filled from tcpwhy's taps: Statistics in the menu, `-z` in tshark.
//
//   tcpwhy[,FILTER]             a table of causes: how many incidents, how loud, what they cost, on which streams
//   tcpwhy,endpoints[,FILTER]   a table of clients, servers and the paths between: their incidents and idle timeouts
//   tcpwhy,tree[,FILTER]        a tree: severity and impact, cause, variant
//
// Model: each counts an incident once, as it was decided last (Ledger): an incident that is decided anew is taken back, and
// entered again. A filter is asked of the frame that decides.
// `-z` arguments are prefixes to Wireshark, tried from the last in the alphabet on, so that tcpwhy comes after
// tcpwhy,endpoints and tcpwhy,tree.
// Limits: those of the taps (tap.h) and of Wireshark's tables (sheet.h). tshark without -2 tells nobody that its only pass is
// over before it draws, so that it draws what is provisional. A branch of the tree whose incidents were all taken back stays,
// with 0. `wireshark -z tcpwhy` opens nothing: Wireshark wants two words there; its menu has it.
#pragma once

namespace tcpwhy::plugin {

/// Once, in the protocol's registration, after the taps.
void register_statistics();

}  // namespace tcpwhy::plugin
