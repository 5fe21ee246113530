// What a right click on a packet offers: Conversation Filter ▸ "TCP Why: …", from a frame to all that is like it.
//
// Model: Wireshark asks of the selected frame whether an entry fits, and for the display filter that it stands for. Both are
// told from the sealed findings of the frame's streams, so that there are no entries while a capture is being read.
// Limits: Wireshark alone has this menu; tshark and Stratoshark never ask.
#pragma once

namespace tcpwhy::plugin {

/// Registers the entries. Once, in the protocol's registration.
void register_context_menu();

}  // namespace tcpwhy::plugin
