# Reads the findings of one capture as why_rows.awk writes them, sorted; writes them for people.
BEGIN {
  FS = between
  name = ENVIRON["NAME"]  # not -v: a backslash in a file name is one
  split("chat note warn error", words, " ")
  split("ordinary ending,note,warning,error", nouns, ",")
}
function wrapped(label, text, indent,    paragraph, paragraphs, word, n, i, j, line) {
  gsub(/\\\\/, "\001", text); gsub(/\\r/, "", text); gsub(/\\t/, " ", text)
  gsub(/\\"/, "\"", text)
  paragraphs = split(text, paragraph, /\\n/)
  for (i = 1; i <= paragraphs; i++) {
    line = i == 1 ? label : ""
    n = split(paragraph[i], word, " ")
    for (j = 1; j <= n; j++) {
      gsub(/\001/, "\\", word[j])
      if (line != "" && length(indent line " " word[j]) > width) { print indent line; line = "" }
      line = line == "" ? word[j] : line " " word[j]
    }
    print indent line
  }
}
function said_before(text, old) { return text == old && $2 == group }
{
  count[$1]++
  if ($1 == 0 && !all) next
  if (NR > 1) print ""
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
function counted(n, noun) { return n " " noun (n == 1 ? "" : "s") }
END {
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
