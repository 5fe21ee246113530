"""The README of a capture, from its scenario and its truth."""

from __future__ import annotations

from collections import Counter

from .scenario import Scenario


def text(scenario: Scenario, truth: dict) -> str:
    stem = f"{truth['scenario']}_{truth['form']}_{truth['vantage']}"
    lines = [f"# {stem}", "", scenario.title, "", scenario.story, "",
             f"This is its form *{truth['form']}*, captured at {'; '.join(truth['captured at'])}.", "", "## What happened", ""]
    counts = Counter(_told(stream) for stream in truth["streams"])
    lines += [f"- {count} × {what}" for what, count in counts.most_common()]
    reasons = Counter(_reason(reset) for stream in truth["streams"] for reset in stream.get("resets", ()))
    if reasons:
        lines += ["", "What the kernels said of the RST frames:" if truth["kernel tells reasons"] else
                  "The RST frames (this kernel tells no reasons):", ""]
        lines += [f"- {count} × {what}" for what, count in reasons.most_common()]
    if truth["seen by the traffic"]:
        lines += ["", "What the clients saw:", ""] + [f"- {note}" for note in truth["seen by the traffic"]]
    lines += ["", "## Where", ""] + [f"- {wire}" for wire in truth["topology"]]
    lines += ["", "Made " + truth["made"][:10] + " with " + ", ".join(f"{name} {version}" for name, version in truth["versions"].items()) + "."]
    lines += ["", "## Settings", ""] + [f"- {name}: {_setting(value)}" for name, value in truth["settings"].items()]
    others = [form for form in scenario.forms if form != truth["form"]]
    lines += ["", "## Live it through", "", "```sh", f"captures/lab/run {truth['scenario']}.{truth['form']}      # makes it anew, below build/lab",
              f"scripts/why build/lab/{stem}/capture.pcapng"]
    lines += [f"captures/lab/run {truth['scenario']}.{form}      # the form *{form}*: read it beside this one" for form in others]
    lines += ["```", "", "`truth.json` holds the truth of every stream, and what the kernel said of every RST."]
    return "\n".join(lines) + "\n"


def _told(stream: dict) -> str:
    if not stream.get("judged", True):
        return "a connection that wasn't judged"
    if not stream["causes"]:
        return "healthy"
    return " or ".join(f"`{cause}`" for cause in stream["causes"]) + (f": {stream['note']}" if stream.get("note") else "")


def _reason(reset: dict) -> str:
    taken = f"; {reset['taken by']} took it" if "taken by" in reset else ""
    if reset.get("forged"):
        return "none: no host sent it" + taken
    return f"{reset['host']}: {reset['reason'] or 'not told'}" + (f", from {reset['state']}" if reset["state"] else ", without a socket") + taken


def _setting(value) -> str:
    return ", ".join(f"{name} {inner}" for name, inner in value.items()) if isinstance(value, dict) else f"{value}"
