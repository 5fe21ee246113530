# The body of scripts/why's report: each finding in words. The rows come from why_summary.awk, which read them.
function said_before(text, old) { return text == old && $2 == group }
function detail(    what, where) {
  count[$1]++
  if ($1 == 0 && !all) return
  if (shown++) print ""
  else if (any_summary) print bold "One by one" plain "\n"
  what = toupper(words[$1 + 1]) "  " $2 ($5 == "" ? "" : "/" $5) "  (" $6 ")"
  where = "  stream " $3 "  " $7 "  frame " $4
  print bold what (length(what where) > width ? "\n" : "") where plain
  wrapped("", $8, "  ")
  if ($9 != "") wrapped("Fix:", said_before($9, fix) ? "as for stream " fix_stream "." : $9, "  ")
  if ($10 != "") wrapped("Can't tell:", said_before($10, blind_spot) ? "as for stream " blind_stream "." : $10, "  ")
  if (!said_before($9, fix)) { fix = $9; fix_stream = $3 }
  if (!said_before($10, blind_spot)) { blind_spot = $10; blind_stream = $3 }
  group = $2
}
END {
  summarise()
  any_summary = key_count || due_count || timeout_count
  for (next_row = 1; next_row <= row_count; next_row++) { $0 = rows[next_row]; detail() }
  read = counted(streams, "stream") " in " counted(frames, "frame")
  ordinary = count[0] ? ", " counted(count[0], nouns[1]) (all ? "" : " (--all shows them)") : ""
  if (streams == 0) print name ": no TCP in its " counted(frames, "frame") "."
  else if (count[1] + count[2] + count[3] == 0) {
    if (all && count[0]) print ""
    print name ": all is well: " read ", and none died of anything" ordinary "."
  } else {
    print ""
    print name ": " counted(count[3] + 0, nouns[4]) ", " counted(count[2] + 0, nouns[3]) ", " counted(count[1] + 0, nouns[2]) ordinary "; " read "."
  }
}
