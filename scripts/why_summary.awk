# The head of scripts/why's report: what broke, how often, between whom, and what to set; then the timeouts that are in force.
# Reads the rows of why_rows.awk, sorted; keeps them for why_report.awk.
function harm(impact, n) {
  if (impact == "request_lost") return counted(n, "request") " lost"
  if (impact == "response_lost") return counted(n, "response") " lost"
  if (impact == "response_truncated") return counted(n, "response") " cut short"
  if (impact == "connect_failed") return counted(n, "connect") " failed"
  if (impact == "connect_delayed") return counted(n, "connect") " delayed"
  if (impact == "unknown") return counted(n, "connection") " broken, cost unknown"
  return counted(n, "time") ", nothing lost"
}
# "2, 5-9, 12": in order, each once.
function listed(list,    number, n, i, j, text, swap) {
  n = split(list, number, " ")
  for (i = 2; i <= n; i++)
    for (j = i; j > 1 && number[j - 1] + 0 > number[j] + 0; j--) { swap = number[j]; number[j] = number[j - 1]; number[j - 1] = swap }
  for (i = 1; i <= n; i = j + 1) {
    for (j = i; j < n && number[j + 1] <= number[j] + 1; ) j++
    text = text (text == "" ? "" : ", ") number[i] (number[j] > number[i] ? "-" number[j] : "")
  }
  return text
}
function retried(key,    text, pattern, repeated) {
  for (pattern in patterns) if (tries[key, pattern] && pattern != "none") { repeated += tries[key, pattern]; text = text (text == "" ? "" : " or ") pattern }
  if (!repeated && !tries[key, "none"]) return ""
  if (!repeated) return "; the client repeats none"
  return "; " repeated " of " (repeated + tries[key, "none"]) " repeated (" text ")"
}
# An idle timeout.
$1 == 9 {
  subject = $6 == "client" ? "Client " $12 " towards " $13 " closes" : $6 == "server" ? "Server " $13 " closes" : "Something before " $13 " (client " $12 ") forgets"
  value = $6 == "middlebox" ? "after more than " seconds($2) " and at most " seconds($5) : "after " seconds($2)
  timeouts[++timeout_count] = subject " idle connections " value " (" counted($7, $6 == "middlebox" ? "lost connection" : "close") ($8 + 0 && $6 == "server" ? "; it announces " $8 " s" : "") ")" ($9 == "" ? "" : ": " $9)
  next
}
{
  rows[++row_count] = $0
  if ($2 == "keepalive_mismatch") { setting[$12, $13] = $9; if ($1 >= 2) due[++due_count] = $12 SUBSEP $13; next }
  if ($1 < 2) next
  key = $2 SUBSEP $12 SUBSEP $13 SUBSEP $11
  if (!(key in happened)) { keys[++key_count] = key; first_fix[key] = $9; loudness[key] = $1 }
  happened[key]++
  on[key] = on[key] " " $3
  if ($14 != "") { tries[key, $14]++; patterns[$14] = 1 }
  if ($15 != "" && !($15 in events)) { events[$15] = 1; event_text[++event_count] = $15 }
}
function summarise(    i, j, k, key, part, best, swap, head, idle, fix, said, told) {
  for (i = 1; i <= key_count; i++) {
    best = i
    for (j = i + 1; j <= key_count; j++) {
      if (loudness[keys[j]] * 100000 + happened[keys[j]] > loudness[keys[best]] * 100000 + happened[keys[best]]) best = j
    }
    swap = keys[i]; keys[i] = keys[best]; keys[best] = swap
  }
  if (key_count || due_count) print bold "What broke, and what to set" plain
  for (i = 1; i <= key_count && i <= 12; i++) {
    key = keys[i]
    split(key, part, SUBSEP)
    head = harm(part[4], happened[key]) ": " part[1] ", client " part[2] ", server " part[3] " (stream" (happened[key] > 1 ? "s " : " ") listed(on[key]) ")" retried(key) "."
    wrapped(i ".", head, "  ")
    idle = part[1] ~ /^(keepalive_race|stale_reuse|dead_keepalive|idle_state_lost|idle_blackhole)$/
    fix = idle && ((part[2], part[3]) in setting) ? setting[part[2], part[3]] : first_fix[key]
    told = fix in said ? "As for " said[fix] "." : fix
    if (tries[key, "none"] && part[4] == "request_lost") told = told " Let the client repeat what is safe to repeat, with backoff."
    wrapped("->", told, "     ")
    if (!(fix in said)) said[fix] = i
  }
  if (key_count > 12) print "  ... and " (key_count - 12) " more kinds, below."
  for (i = 1; i <= due_count; i++) {
    split(due[i], part, SUBSEP)
    wrapped("Soon:", "requests of " part[1] " to " part[2] " come within a round trip of its close. " setting[part[1], part[2]], "  ")
  }
  for (i = 1; i <= event_count; i++) wrapped("Event:", event_text[i] ".", "  ")
  if (timeout_count) {
    if (key_count || due_count) print ""
    print bold "Idle timeouts in force" plain
    for (i = 1; i <= timeout_count; i++) wrapped("", timeouts[i], "  ")
  }
  if (key_count || due_count || timeout_count) print ""
}
