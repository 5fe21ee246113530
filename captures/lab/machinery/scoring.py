"""What tcpwhy says of captures, held against their truth.

A stream whose truth names causes is found if one of them is said. Whatever is said of it beyond, as a warning or an error, is false, and so
is every warning and error on a healthy stream. A habit is found if it is said of any connection to its endpoint. Precision and recall of a
cause are over streams. Where the truth says that it can't be known from this capture, what disagrees counts all the same, and is told apart.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from . import oracle

_WRAPPER = Path(__file__).resolve().parents[3] / "scripts" / "tshark"
_SAID = ("cause", "variant", "fault", "impact", "severity", "reset_kind")
_WARN = 2


@dataclass
class Finding:
    cause: str
    variant: str
    fault: str
    impact: str
    severity: int
    reset_kind: str


@dataclass
class Score:
    """Over all captures that were read."""

    captures: int = 0
    streams: int = 0
    resets: int = 0
    resets_told: int = 0  # of which the kernel said why
    found: Counter = field(default_factory=Counter)  # by the cause that was said and right
    missed: Counter = field(default_factory=Counter)  # by the first cause that is right
    false: Counter = field(default_factory=Counter)  # by the cause that was said and wrong
    healthy: int = 0
    accused: int = 0
    wrong: Counter = field(default_factory=Counter)  # variant, fault, impact, where the cause is right
    misses: list[str] = field(default_factory=list)
    objections: list[str] = field(default_factory=list)  # the kernel's
    hidden: list[str] = field(default_factory=list)  # of both, what nobody can know who has the capture alone
    versions: dict[str, set[str]] = field(default_factory=dict)  # of what made the captures
    days: set[str] = field(default_factory=set)  # on which they were made


def said_of(capture: Path) -> dict[int, list[Finding]]:
    """tshark's findings by frame, in two passes. They stand on every frame of their stream, whose number is another one in another
    Wireshark."""
    command = [str(_WRAPPER), "-n", "-2", "-r", str(capture), "-Y", "tcpwhy.cause", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|",
               "-e", "frame.number"]
    for name in _SAID:
        command += ["-e", f"tcpwhy.{name}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"tshark on {capture}: {done.stderr[-400:]}")
    found: dict[int, list[Finding]] = {}
    for line in done.stdout.splitlines():
        frame, *cells = line.split("\t")
        columns = [cell.split("|") for cell in cells]
        said = []
        for index in range(len(columns[0])):
            cell = [column[index] if index < len(column) else "" for column in columns]
            said.append(Finding(*cell[:4], int(cell[4] or 0), cell[5]))
        found[int(frame)] = said
    return found


def reader() -> str:
    """Which tshark reads."""
    return subprocess.run([str(_WRAPPER), "--version"], capture_output=True, text=True).stdout.splitlines()[0].split(" (Git")[0]


def add(score: Score, folder: Path) -> None:
    """Reads a capture that has a truth.json, and counts."""
    truth = json.loads((folder / "truth.json").read_text())
    said = said_of(folder / "capture.pcapng")
    score.captures += 1
    score.days.add(truth["made"][:10])
    for name, version in truth["versions"].items():
        score.versions.setdefault(name, set()).add(version)
    habits = {(habit["to"], habit["cause"]): False for habit in truth.get("habits", ())}
    for stream in truth["streams"]:
        findings = list(said.get(stream["frame"], []))
        where = f"{folder.name} stream {stream['stream']}"
        resets = stream.get("resets", [])
        hidden = stream.get("hidden", "")

        def tell(lines: list[str], line: str, where: str = where, hidden: str = hidden) -> None:
            (score.hidden if hidden else lines).append(f"{where}: {line}" + (f": {hidden}" if hidden else ""))

        for finding in list(findings):
            if (stream["to"], finding.cause) in habits:
                habits[stream["to"], finding.cause] = True
                findings.remove(finding)
        score.streams += 1
        score.resets += len(resets)
        score.resets_told += sum(bool(reset.get("reason")) for reset in resets)
        for objection in oracle.objections([finding.cause for finding in findings], [finding.reset_kind for finding in findings], resets):
            tell(score.objections, objection)
        if not stream.get("judged", True):
            continue
        causes, also = stream["causes"], stream.get("also", [])
        right = next((finding for finding in findings if finding.cause in causes), None)
        for finding in findings:
            if finding.cause not in (*causes, *also) and finding.severity >= _WARN:
                score.false[finding.cause] += 1
                tell(score.misses, f"{finding.cause} was said, and is {' or '.join(causes) or 'healthy'}")
        for cause in also:
            if cause in {finding.cause for finding in findings}:
                score.found[cause] += 1
            else:
                score.missed[cause] += 1
                tell(score.misses, f"{cause} was missed beside {' or '.join(causes)}")
        if not causes:
            score.healthy += 1
            score.accused += any(finding.severity >= _WARN for finding in findings)
        elif right:
            score.found[right.cause] += 1
            for word in ("variant", "fault", "impact"):
                if stream.get(word) and getattr(right, word) not in stream[word]:
                    score.wrong[word] += 1
                    tell(score.misses, f"{right.cause}, {word} {getattr(right, word) or 'none'}, and is {' or '.join(stream[word])}")
        elif not stream.get("optional"):
            score.missed[causes[0]] += 1
            tell(score.misses, f"{causes[0]} was missed; said was {', '.join(finding.cause for finding in findings) or 'nothing'}")
    for (endpoint, cause), heard in habits.items():
        (score.found if heard else score.missed)[cause] += 1
        if not heard:
            score.misses.append(f"{folder.name}: {cause} of {endpoint} was missed")


def table(score: Score) -> str:
    """In Markdown."""
    lines = ["| cause | streams | found | precision | recall |", "|---|---:|---:|---:|---:|"]
    for cause in sorted(score.found | score.missed | score.false):
        found, missed, false = score.found[cause], score.missed[cause], score.false[cause]
        lines.append(f"| `{cause}` | {found + missed} | {found} | {_share(found, found + false)} | {_share(found, found + missed)} |")
    found, missed, false = score.found.total(), score.missed.total(), score.false.total()
    lines.append(f"| all | {found + missed} | {found} | {_share(found, found + false)} | {_share(found, found + missed)} |")
    lines += ["", f"{score.captures} captures, {score.streams} streams; {score.healthy} healthy ones, of which {score.accused} accused. "
              f"Where the cause is right, wrong were {score.wrong['variant']} variants, {score.wrong['fault']} faults, {score.wrong['impact']} impacts. "
              f"{score.resets} RST frames, of {score.resets_told} the kernel said why; it objects to {len(score.objections)} streams."]
    return "\n".join(lines)


def disagreements(score: Score) -> str:
    """What disagrees with the truth, and with the kernel, a line each; "" if nothing does. First what is wrong, then what can't be known."""
    parts = []
    for title, lines in (("What disagrees with the truth", score.misses), ("What the kernel objects to", score.objections),
                         ("What can't be known from there", score.hidden)):
        if lines:
            parts.append(f"{title}:\n\n" + "\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts)


def page(scores: dict[str, Score], tshark: str) -> str:
    """docs/scores.md: a table a group of captures, with when and by what they were made."""
    days = sorted(set().union(*(score.days for score in scores.values())))
    versions: dict[str, set[str]] = {}
    for score in scores.values():
        for name, found in score.versions.items():
            versions.setdefault(name, set()).update(found)
    lines = ["# Scores", "", "What tcpwhy says of the captures that [the lab](../captures/lab/README.md) makes, held against what the traffic did and what "
             "the Linux kernel recorded of each RST. `captures/lab/score --page docs/scores.md` writes this page, after `scripts/test --lab`.", "",
             f"Made {' to '.join(sorted({days[0], days[-1]}))}, read by {tshark}, with "
             + ", ".join(f"{name} {' and '.join(sorted(found))}" for name, found in sorted(versions.items(), key=lambda pair: pair[0].lower())) + ".",
             "", "Precision: of the streams of which a cause is said, those where it is right. Recall: of those that died of it, those of which it is "
             "said. A stream that two vantage points saw counts twice."]
    for title, score in scores.items():
        lines += ["", f"## {title}", "", table(score)]
        if rest := disagreements(score):
            lines += ["", rest]
    return "\n".join(lines) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
