// epan, and everything in which Wireshark 4.0, 4.2, 4.4 and 4.6 differ for us. The only file with version tests.
//
// The headers are C with C++ guards; they are not clean under -Wpedantic, so the build includes them as system headers.
#pragma once

#include <cstdint>
#include <type_traits>

#include <ws_version.h>  // first: other headers of 4.0 count on nothing, but those of 4.4 test it

#include <epan/conversation.h>
#include <epan/conversation_filter.h>
#include <epan/expert.h>
#include <epan/packet.h>
#include <epan/prefs.h>
#include <epan/proto.h>
#include <epan/stat_tap_ui.h>
#include <epan/stats_tree.h>
#include <epan/tap.h>
#include <epan/tvbuff.h>
#include <epan/uat.h>

#include <epan/dissectors/packet-tcp.h>
#include <wiretap/wtap.h>

#define TCPWHY_WIRESHARK(major, minor) \
  (WIRESHARK_VERSION_MAJOR > (major) || (WIRESHARK_VERSION_MAJOR == (major) && WIRESHARK_VERSION_MINOR >= (minor)))

#if TCPWHY_WIRESHARK(4, 4)
#include <wsutil/plugins.h>  // not installed by 4.0; what a plugin must say of itself since 4.4
#endif

namespace tcpwhy::plugin {

/// What plugin_describe() answers; 4.0 doesn't ask.
#if TCPWHY_WIRESHARK(4, 4)
constexpr std::uint32_t kPluginDescription = WS_PLUGIN_DESC_DISSECTOR;
#else
constexpr std::uint32_t kPluginDescription = 0;
#endif

/// What a table's check of a row returns: gboolean until 4.2, then bool.
using UatVerdict = decltype(uat_update_cb_t{}(nullptr, nullptr));

/// What a preference of yes or no is kept in: gboolean until 4.2, then bool.
template <typename Variable>
Variable variable_of(void (*)(module_t*, const char*, const char*, const char*, Variable*));
using PreferenceBool = decltype(variable_of(prefs_register_bool_preference));

/// What says whether a conversation filter fits: gboolean until 4.2, then bool.
template <typename Verdict, typename... Arguments>
Verdict verdict_of(Verdict (*)(Arguments...));
using ConversationFilterVerdict = decltype(verdict_of(is_filter_valid_func{}));

/// Both routines take the packet, and in later versions an argument of their own.
template <typename IsValid, typename Build>
void add_conversation_filter(const char* protocol, const char* title, IsValid is_valid, Build build) {
  const auto add = [&](auto register_filter) {
    if constexpr (std::is_invocable_v<decltype(register_filter), const char*, const char*, IsValid, Build, void*>) {
      register_filter(protocol, title, is_valid, build, nullptr);
    } else {
      register_filter(protocol, title, is_valid, build);
    }
  };
  add(register_conversation_filter);
}

/// The TCP conversation of the frame that was just dissected, as its dissector found it; where `pinfo` may be trusted
/// to hold that conversation's addresses. Since 4.4 a preference (conversation_deinterlacing_key) can add VLAN and
/// interface to the key, and then a search by addresses alone finds nothing.
inline conversation_t* conversation_of_frame(packet_info* pinfo) {
#if TCPWHY_WIRESHARK(4, 6)
  return find_conversation_strat(pinfo, CONVERSATION_TCP, 0, false);
#elif TCPWHY_WIRESHARK(4, 4)
  return find_conversation_strat(pinfo, CONVERSATION_TCP, 0);
#else
  return find_conversation_pinfo(pinfo, 0);
#endif
}

/// Registers a tree of Wireshark's statistics: `title` in the menu and above it, `column` above its names, since 4.4.
inline void register_tree(const char* tap, const char* abbreviation, const char* title, [[maybe_unused]] const char* column,
                          stat_tree_packet_cb packet, stat_tree_init_cb init, stat_tree_cleanup_cb cleanup) {
#if TCPWHY_WIRESHARK(4, 4)
  stats_tree_set_first_column_name(stats_tree_register_plugin(tap, abbreviation, title, 0, packet, init, cleanup), column);
#else
  stats_tree_register_plugin(tap, abbreviation, title, 0, packet, init, cleanup);
#endif
}

}  // namespace tcpwhy::plugin
