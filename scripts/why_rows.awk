# Reads the rows of scripts/why's tshark, a frame each; writes a row for each finding that the frame decides, ready to
# sort: severity, cause, stream, frame, variant, confidence, endpoints, explanation, fix, blind spot, impact, client, server,
# retry, event. Before them, with the severity 9, a row for each idle timeout: seconds, "", "", "", at most, by whom, samples,
# advertised, match, "", client, server.
BEGIN { FS = OFS = between }
# Of the addresses of all layers, those of the innermost IP layer, which carries the TCP segment.
function innermost(v4, v6,    layers, n) {
  n = split($3, layers, ":")
  while (n > 0 && layers[n] != "ip" && layers[n] != "ipv6") n--
  n = split(layers[n] == "ipv6" ? v6 : v4, layers, within)
  return layers[n]
}
function endpoint(address, ports,    list, n) {
  n = split(ports, list, within)
  return (address ~ /:/ ? "[" address "]" : address) ":" list[n]
}
NF >= 17 {
  from = endpoint(innermost($4, $6), $8)
  to = endpoint(innermost($5, $7), $9)
  n = split($10, deciding, within)
  split($11, severity, within); split($12, cause, within); split($13, variant, within)
  split($14, confidence, within); split($15, explanation, within); split($16, fix, within)
  split($17, blind_spot, within); streams = split($2, stream, within)
  split($18, impact, within); split($19, client, within); split($20, server, within); split($21, retry, within)
  split($22, event, within)
  for (i = 1; i <= n; i++) {
    pair = from == server[i] ? to " <-> " from : from " <-> " to
    if (deciding[i] == $1)
      print severity[i], cause[i], stream[streams], $1, variant[i], confidence[i], pair, explanation[i], fix[i], blind_spot[i], impact[i], client[i], server[i], retry[i], event[i]
  }
  n = split($23, timeout, within); split($24, high, within); split($25, by, within); split($26, samples, within)
  split($27, advertised, within); split($28, match_, within); split($29, client, within); split($30, server, within)
  for (i = 1; i <= n; i++) {
    # A server's is the same for all its clients.
    key = by[i] SUBSEP server[i] SUBSEP (by[i] == "server" ? "" : client[i])
    row[key] = 9 between timeout[i] between "" between "" between high[i] between by[i] between samples[i] between advertised[i] between match_[i] between "" between "" between client[i] between server[i] between "" between ""
  }
}
END { for (key in row) print row[key] }
