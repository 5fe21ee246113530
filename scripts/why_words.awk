# What both parts of scripts/why's report share.
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
function counted(n, noun) { return n " " noun (n == 1 ? "" : "s") }
# 6.000370000 -> 6 s, 0.998 -> 0.998 s: three digits.
function seconds(value,    text) {
  text = sprintf("%.3g", value)
  return (value >= 1000 ? sprintf("%d", value) : text) " s"
}
