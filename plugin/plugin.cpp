// What Wireshark looks for in a plugin's file, and nothing else.
#include "epan_compat.h"
#include "postdissector.h"

// `extern`: a const at namespace scope would stay inside this file. The file is built with hidden visibility.
#define TCPWHY_EXPORT extern "C" __attribute__((visibility("default")))

TCPWHY_EXPORT const char plugin_version[];
TCPWHY_EXPORT const int plugin_want_major;
TCPWHY_EXPORT const int plugin_want_minor;
TCPWHY_EXPORT void plugin_register(void);
TCPWHY_EXPORT std::uint32_t plugin_describe(void);

const char plugin_version[] = TCPWHY_VERSION;
const int plugin_want_major = WIRESHARK_VERSION_MAJOR;
const int plugin_want_minor = WIRESHARK_VERSION_MINOR;

std::uint32_t plugin_describe(void) {
  return tcpwhy::plugin::kPluginDescription;
}

void plugin_register(void) {
  static proto_plugin plugin;
  plugin.register_protoinfo = tcpwhy::plugin::register_protocol;
  plugin.register_handoff = tcpwhy::plugin::register_handoff;
  proto_register_plugin(&plugin);
}
