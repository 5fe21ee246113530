#include "known_timeouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "limits.h"
#include "words.h"

namespace tcpwhy {
namespace {

using Role = KnownTimeout::Role;

/// In the order in which they are met in the field, as far as anybody knows; a value decides first. Facts and where
/// each was read: no product is here whose default couldn't be.
constexpr auto kKnown = std::to_array<KnownTimeout>({
    {"nginx", "keepalive_timeout (client side)", Role::server, 75'000,
     "https://github.com/nginx/nginx src/http/ngx_http_core_module.c:3945-3946"},
    {"nginx 1.15.3+", "upstream keepalive_timeout", Role::client, 60'000,
     "https://github.com/nginx/nginx src/http/modules/ngx_http_upstream_keepalive_module.c:549"},
    {"nginx stream", "proxy_timeout", Role::proxy, 600'000,
     "https://github.com/nginx/nginx src/stream/ngx_stream_proxy_module.c:2466"},
    {"Node.js http.Server", "keepAliveTimeout", Role::server, 5'000,
     "https://github.com/nodejs/node doc/api/http.md ('Defaults to 5000 (5 seconds)'); "
     "https://github.com/nodejs/node/issues/20256"},
    {"Node.js http.Server, newer", "keepAliveTimeout + keepAliveTimeoutBuffer of 1 s", Role::server, 6'000,
     "Node.js http docs: socketTimeout = keepAliveTimeout + buffer (5000 + 1000)"},
    {"Apache httpd 2.4", "KeepAliveTimeout", Role::server, 5'000,
     "https://github.com/apache/httpd include/httpd.h:167; docs/manual/mod/core.xml:2709"},
    {"gunicorn (gthread/async workers)", "keepalive", Role::server, 2'000,
     "https://github.com/benoitc/gunicorn gunicorn/config.py:890-897"},
    {"uvicorn", "timeout_keep_alive", Role::server, 5'000,
     "https://github.com/encode/uvicorn uvicorn/config.py:214; docs/settings.md:147"},
    {"Apache Tomcat (shipped server.xml)", "connectionTimeout (= keepAliveTimeout)", Role::server, 20'000,
     "https://github.com/apache/tomcat conf/server.xml:71; webapps/docs/config/http.xml:474-546"},
    {"Apache Tomcat (attribute absent, Spring Boot embedded)", "connectionTimeout", Role::server, 60'000,
     "https://github.com/apache/tomcat webapps/docs/config/http.xml:478; Constants.java:29"},
    {"AWS ALB", "idle timeout", Role::proxy, 60'000,
     "https://github.com/awsdocs/elb-application-load-balancers-user-guide@9584d0d^ "
     "doc_source/application-load-balancers.md:111,175"},
    {"AWS CLB", "ConnectionSettings.IdleTimeout", Role::proxy, 60'000,
     "https://github.com/awsdocs/elb-classic-load-balancers-user-guide@1dab153^ doc_source/config-idle-timeout.md:15"},
    {"AWS NLB TCP", "tcp.idle_timeout.seconds", Role::middlebox, 350'000,
     "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html "
     "https://github.com/awsdocs/elb-network-load-balancers-user-guide@cc172f4^ "
     "doc_source/network-load-balancers.md:155-157"},
    {"AWS NAT Gateway", "idle", Role::middlebox, 350'000,
     "https://github.com/awsdocs/amazon-vpc-user-guide@f57103d^ doc_source/nat-gateway-troubleshooting.md:189-200; "
     "https://github.com/urllib3/urllib3/issues/3184"},
    {"ingress-nginx", "upstream-keepalive-timeout", Role::client, 60'000,
     "https://github.com/kubernetes/ingress-nginx docs/user-guide/nginx-configuration/configmap.md:122"},
    {"Envoy HTTP", "common_http_protocol_options.idle_timeout", Role::proxy, 3'600'000,
     "https://github.com/envoyproxy/data-plane-api envoy/config/core/v3/protocol.proto:312"},
    {"Envoy tcp_proxy", "idle_timeout", Role::proxy, 3'600'000,
     "https://github.com/envoyproxy/data-plane-api tcp_proxy.proto:250"},
    {"Go net/http DefaultTransport 1.7+", "IdleConnTimeout", Role::client, 90'000,
     "https://github.com/traefik/traefik seen as copied default in 10 repositories; "
     "https://github.com/basetenlabs/truss/pull/2648"},
    {".NET SocketsHttpHandler 6.0+", "PooledConnectionIdleTimeout", Role::client, 60'000,
     "https://github.com/dotnet/runtime src/libraries/Common/src/System/Net/Http/HttpHandlerDefaults.cs; PR 52687"},
    {".NET Core SocketsHttpHandler 2.1-5.0", "PooledConnectionIdleTimeout", Role::client, 120'000,
     "https://github.com/dotnet/runtime/pull/52687"},
    {"Java java.net.http.HttpClient", "jdk.httpclient.keepalive.timeout", Role::client, 30'000,
     "OpenJDK java.net.http module-info (default: 30)"},
    {"Apache HttpClient 5.x", "connectionKeepAlive (no Keep-Alive header)", Role::client, 180'000,
     "https://github.com/apache/httpcomponents-client httpclient5/config/RequestConfig.java:49"},
    {"Fastify 4/5", "keepAliveTimeout", Role::server, 72'000,
     "https://github.com/fastify/fastify docs/Reference/Server.md:154"},
    {"hypercorn", "keep_alive_timeout", Role::server, 5'000,
     "https://github.com/pgjones/hypercorn src/hypercorn/config.py:88"},
    {"waitress", "channel_timeout", Role::server, 120'000,
     "https://github.com/Pylons/waitress src/waitress/adjustments.py:254"},
    {"cheroot / CherryPy", "timeout", Role::server, 10'000,
     "https://github.com/cherrypy/cheroot cheroot/server.py:1562"},
    {"aiohttp web.run_app", "keepalive_timeout", Role::server, 75'000,
     "https://github.com/aio-libs/aiohttp aiohttp/web.py:435"},
    {"Tornado", "idle_connection_timeout", Role::server, 3'600'000,
     "https://github.com/tornadoweb/tornado tornado/httpserver.py:189"},
    {"Twisted web", "_REQUEST_TIMEOUT", Role::server, 60'000,
     "https://github.com/twisted/twisted src/twisted/web/http.py:218"},
    {"Puma <=6", "persistent_timeout", Role::server, 20'000,
     "https://www.flightcontrol.dev/docs/troubleshooting/load-balancer-502-keepalive-timeout"},
    {"Puma 7.0+", "persistent_timeout", Role::server, 65'000,
     "https://github.com/puma/puma lib/puma/configuration.rb:164, docs/7.0-Upgrade.md:28"},
    {"lighttpd 1.4.x current", "server.max-keep-alive-idle", Role::server, 5'000,
     "https://github.com/lighttpd/lighttpd1.4 src/configfile.c:1317"},
    {"H2O", "http1-request-timeout", Role::server, 10'000,
     "https://github.com/h2o/h2o include/h2o.h:79; http2 idle 10 s :84"},
    {"Caddy 2.x", "idle_timeout", Role::server, 300'000,
     "https://github.com/caddyserver/caddy modules/caddyhttp/app.go:891-895"},
    {"Caddy reverse_proxy 2.x", "transport keepalive", Role::client, 120'000,
     "https://github.com/caddyserver/caddy modules/caddyhttp/reverseproxy/httptransport.go:216"},
    {"Traefik entryPoint 2/3", "respondingTimeouts.idleTimeout", Role::server, 180'000,
     "https://github.com/traefik/traefik pkg/config/static/static_config.go:48"},
    {"Traefik serversTransport 2/3", "forwardingTimeouts.idleConnTimeout", Role::client, 90'000,
     "https://github.com/traefik/traefik pkg/config/static/static_config.go:222"},
    {"Eclipse Jetty 9-12", "http.idleTimeout", Role::server, 30'000,
     "https://github.com/jetty/jetty.project jetty-core/jetty-server/src/main/config/etc/jetty-http.xml:38; "
     "AbstractConnector.java:154"},
    {"Vert.x HttpClient 4/5", "keepAliveTimeout", Role::client, 60'000,
     "https://github.com/eclipse-vertx/vert.x HttpClientOptions.java:72"},
    {"Akka/Pekko HTTP 10.x", "server.idle-timeout or client.idle-timeout", Role::server, 60'000,
     "https://github.com/akka/akka-http akka-http-core/src/main/resources/reference.conf:38,46-47,400"},
    {"Actix-web 4", "keep_alive", Role::server, 5'000,
     "https://github.com/actix/actix-web actix-web/src/server.rs:165"},
    {"MinIO server", "--idle-timeout", Role::server, 30'000,
     "https://github.com/minio/minio internal/http/server.go:44"},
    {"Ceph RGW beast", "request_timeout_ms", Role::server, 65'000,
     "https://github.com/ceph/ceph doc/radosgw/frontends.rst"},
    {"ASP.NET Core Kestrel", "KeepAliveTimeout", Role::server, 130'000,
     "https://learn.microsoft.com/en-us/dotnet/api/"
     "microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.keepalivetimeout older: "
     "'...kestrel.kestrelserverlimits...' 'Defaults to 2 minutes'; https://github.com/dotnet/runtime/pull/52687"},
    {"IIS / HTTP.sys 7+", "connectionTimeout", Role::server, 120'000,
     "https://github.com/MicrosoftDocs/iis-docs iis/configuration/system.applicationHost/sites/site/limits.md:71"},
    {"OkHttp 3-5", "ConnectionPool keepAliveDuration", Role::client, 300'000,
     "https://github.com/square/okhttp okhttp/src/commonJvmAndroid/kotlin/okhttp3/ConnectionPool.kt:80"},
    {"AsyncHttpClient 2/3", "pooledConnectionIdleTimeout", Role::client, 60'000,
     "https://github.com/AsyncHttpClient/async-http-client "
     "client/src/main/resources/org/asynchttpclient/config/ahc-default.properties:6"},
    {"undici / Node fetch 5-7", "keepAliveTimeout", Role::client, 4'000,
     "https://github.com/nodejs/undici docs/docs/api/Client.md:59-62"},
    {"agentkeepalive (npm) 4", "freeSocketTimeout", Role::client, 4'000,
     "https://github.com/node-modules/agentkeepalive lib/agent.js:40"},
    {"curl / libcurl 7.65+", "CURLOPT_MAXAGE_CONN", Role::client, 118'000,
     "https://github.com/curl/curl docs/libcurl/opts/CURLOPT_MAXAGE_CONN.md:45; lib/url.c:421"},
    {"aiohttp client 3.x", "TCPConnector keepalive_timeout", Role::client, 15'000,
     "https://github.com/aio-libs/aiohttp aiohttp/connector.py:344"},
    {"hyper-util / reqwest legacy client 0.1", "pool_idle_timeout", Role::client, 90'000,
     "https://github.com/hyperium/hyper-util src/client/legacy/client.rs:1044"},
    {"HikariCP 5/6", "idleTimeout", Role::client, 600'000,
     "https://github.com/brettwooldridge/HikariCP HikariConfig.java:55-57"},
    {"OpenStack Octavia", "timeout_client_data or timeout_member_data", Role::proxy, 50'000,
     "https://github.com/openstack/octavia octavia/common/constants.py:242-244"},
    {"Varnish 6-8", "timeout_idle", Role::server, 5'000,
     "https://github.com/varnishcache/varnish-cache include/tbl/params.h:1055-1059"},
    {"Varnish 6-8", "backend_idle_timeout", Role::client, 60'000,
     "https://github.com/varnishcache/varnish-cache include/tbl/params.h:269-273"},
    {"Squid 5-7", "client_idle_pconn_timeout", Role::server, 120'000,
     "https://github.com/squid-cache/squid src/cf.data.pre:7426-7429"},
    {"Squid 5-7", "server_idle_pconn_timeout", Role::client, 60'000,
     "https://github.com/squid-cache/squid src/cf.data.pre:7512-7515"},
    {"Apache Traffic Server 10", "keep_alive_no_activity_timeout_in or _out", Role::server, 120'000,
     "https://github.com/apache/trafficserver src/records/RecordsConfig.cc:482-484"},
    {"Kong 3.x", "upstream_keepalive_idle_timeout", Role::client, 60'000,
     "https://github.com/Kong/kong kong.conf.default:1006"},
    {"Apache APISIX 3.x", "nginx_config.http.keepalive_timeout or upstream", Role::server, 60'000,
     "https://github.com/apache/apisix apisix/cli/config.lua:145,158"},
    {"Pingora 0.x", "server keepalive", Role::server, 60'000,
     "https://github.com/cloudflare/pingora pingora-core/src/apps/http_app.rs:74, apps/mod.rs:285"},
    {"Skipper 0.2x", "idle-timeout-server", Role::server, 60'000,
     "https://github.com/zalando/skipper config/config.go:700"},
    {"Azure Load Balancer (inbound rules, outbound SNAT) Standard", "idleTimeoutInMinutes", Role::middlebox, 240'000,
     "https://github.com/MicrosoftDocs/azure-docs articles/load-balancer/load-balancer-tcp-reset.md"},
    {"AKS outbound rule 2019+", "idleTimeoutInMinutes", Role::middlebox, 1'800'000,
     "https://github.com/Azure/AKS/issues/1564 kubernetes/kubernetes/issues/86667"},
    {"Google Cloud global external ALB (GFE)", "client HTTP keepalive", Role::proxy, 610'000,
     "https://docs.cloud.google.com/load-balancing/docs/https/request-distribution"},
    {"Google Cloud ALB -> backend", "backend HTTP keepalive", Role::client, 600'000,
     "https://docs.cloud.google.com/load-balancing/docs/https/request-distribution"},
    {"Google Cloud regional (Envoy) ALB client side", "HTTP keepalive", Role::proxy, 600'000,
     "https://cloud.google.com/load-balancing/docs/https/request-distribution"},
    {"F5 BIG-IP tcp profile", "idle-timeout", Role::proxy, 300'000,
     "https://networkengineering.stackexchange.com/questions/3188/f5-session-timeouts/3189 (RST by default; fastL4 "
     "example 900); secondary pages state 300 s"},
    {"Cisco ASA", "timeout conn", Role::middlebox, 3'600'000,
     "https://manualshive.com/ru/manual/cisco/asa-5508-x/63708?page=383"},
    {"Palo Alto PAN-OS 8-11", "TCP", Role::middlebox, 3'600'000,
     "https://docs.paloaltonetworks.com/ngfw/networking/session-settings-and-timeouts/configure-session-timeouts/"
     "configure-session-timeouts-pan-os"},
    {"FortiGate 4-7", "session-ttl default", Role::middlebox, 3'600'000,
     "https://community.fortinet.com/t5/FortiGate/Technical-Tip-Default-session-timeout-value-session-ttl/ta-p/194357"},
    {"Linux netfilter conntrack 2.6+", "nf_conntrack_tcp_timeout_established", Role::middlebox, 432'000'000,
     "linux 6.12.107 net/netfilter/nf_conntrack_proto_tcp.c:64; Documentation/networking/nf_conntrack-sysctl.rst:136"},
    {"Linux IPVS (kube-proxy ipvs, Docker swarm)", "ip_vs timeout tcp", Role::middlebox, 900'000,
     "linux 6.12.107 net/netfilter/ipvs/ip_vs_proto_tcp.c:332"},
    {"Aerospike server", "proto-fd-idle-ms (observed)", Role::server, 60'000,
     "https://support.aerospike.com/hc/en-us/articles/49438931976859-How-to-filter-conn-resets-in-wireshark"},
});

bool plays(Role role, IdleTimeout::By by) {
  switch (by) {
    case IdleTimeout::By::server:
      return role == Role::server || role == Role::proxy;
    case IdleTimeout::By::client:
      return role == Role::client || role == Role::proxy;
    case IdleTimeout::By::middlebox:
      return role == Role::middlebox;
  }
  return false;
}

/// How far a default is from what was measured; nothing where it doesn't fit.
std::optional<Nanoseconds> distance(const KnownTimeout& known, const IdleTimeout& timeout) {
  const Nanoseconds value = known.milliseconds * kMillisecond;
  if (!plays(known.role, timeout.by)) return std::nullopt;
  if (!timeout.exact())
    return value > timeout.low && value <= timeout.high ? std::optional(Nanoseconds{0}) : std::nullopt;
  const Nanoseconds slack = timeout.value / kTimerPrecision;
  if (value < timeout.low - slack || value > timeout.high + slack) return std::nullopt;
  return std::abs(value - timeout.value);
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::server: return "server";
    case Role::client: return "client";
    case Role::proxy: return "proxy";
    case Role::middlebox: return "middlebox";
  }
  return "";
}

std::span<const KnownTimeout> known_timeouts() {
  return kKnown;
}

std::vector<const KnownTimeout*> candidates_for(const IdleTimeout& timeout, std::span<const KnownTimeout> own) {
  std::vector<std::pair<Nanoseconds, const KnownTimeout*>> fitting;
  for (const auto& rows : {own, known_timeouts()}) {
    for (const KnownTimeout& known : rows) {
      if (const auto apart = distance(known, timeout)) fitting.emplace_back(*apart / kTimerNoise, &known);
    }
  }
  std::stable_sort(fitting.begin(), fitting.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const KnownTimeout*> candidates;
  for (const auto& [apart, known] : fitting) candidates.push_back(known);
  return candidates;
}

std::string name_candidates(std::span<const KnownTimeout* const> candidates, std::size_t most) {
  std::string text;
  for (const KnownTimeout* known : candidates.first(std::min(most, candidates.size()))) {
    text += fmt::format("{}{} ({}, {})", text.empty() ? "" : "; ", known->product, known->setting,
                        duration(known->milliseconds * kMillisecond));
  }
  if (candidates.size() > most) text += fmt::format("; {} more", candidates.size() - most);
  return text;
}

}  // namespace tcpwhy
