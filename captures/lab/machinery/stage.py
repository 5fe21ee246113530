"""Plays scenarios: what captures/lab/run does.

Each scenario is played once for each of its forms, in mount, network and PID namespaces of its own: whatever becomes of it, nothing is
left behind, and nothing outside is touched but the packages that it installs. A run writes OUT/SCENARIO_FORM_VANTAGE/ with
capture.pcapng, truth.json and README.md. Exits 1 if a scenario failed; the others are made all the same.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import readme, scenario, truth, witness
from .lab import Lab
from .network import command

LAB = Path(__file__).resolve().parents[1]
TOOLS = ("iproute2", "nftables", "tcpdump", "ethtool", "tshark", "util-linux", "openssl", "procps", "curl")


def main() -> int:
    parser = argparse.ArgumentParser(prog="captures/lab/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", metavar="SCENARIO", nargs="*", help="all of them without one; SCENARIO.FORM for one form")
    parser.add_argument("--list", action="store_true", help="the scenarios, their forms, and their first line")
    parser.add_argument("--out", type=Path, default=LAB.parents[1] / "build" / "lab", help="where to (default: build/lab)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at once (default: one a CPU); most of it is waiting")
    parser.add_argument("--seed", type=int, default=1, help="what random mixes are drawn from")
    parser.add_argument("--inside", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()

    known = scenario.all_of(LAB / "scenarios")
    if options.list:
        for one in known.values():
            print(f"{one.name}: {one.title}\n    {', '.join(one.forms)}")
        return 0
    if options.inside:
        name, form, base, listener = options.inside
        return play(known[name], form, int(base), witness.listening(listener), options)

    chosen = []
    for word in options.scenarios or known:
        name, _, form = word.partition(".")
        if name not in known or form and form not in known[name].forms:
            parser.error(f"no scenario {word}: --list names them")
        chosen += [(known[name], one) for one in ([form] if form else known[name].forms)]
    if lacking := unable():
        print(f"run: skipped: {lacking}", file=sys.stderr)
        return 77
    install({package for one, _ in chosen for package in one.packages})
    witness.sweep()
    options.out.mkdir(parents=True, exist_ok=True)
    # The long ones first; those that want the machine for themselves last, one by one.
    together = sorted((pair for pair in chosen if not pair[0].alone), key=lambda pair: -pair[0].limit_s)
    failed = []
    with concurrent.futures.ThreadPoolExecutor(max(options.jobs, 1)) as pool:
        # The tracepoints know no namespaces: labs that run at once have addresses of their own.
        bases = (60 + (os.getpid() + number) % 160 for number in range(len(chosen)))
        done = [pool.submit(stage, one, form, next(bases), options) for one, form in together]
        failed += [future.result() for future in done]
    failed += [stage(one, form, next(bases), options) for one, form in chosen if one.alone]
    failed = [name for name in failed if name]
    if failed:
        print(f"run: failed: {' '.join(failed)}", file=sys.stderr)
    return bool(failed)


def unable() -> str:
    """Why nothing can be made here; "" where it can."""
    if os.geteuid() != 0:
        return "namespaces, captures and the kernel's tracepoints take root"
    if subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "no namespaces here (a container without CAP_SYS_ADMIN?)"
    if not Path("/sys/kernel/tracing/events").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"], capture_output=True)
    return ""


def install(packages: set[str]) -> None:
    library = LAB.parents[1] / "scripts" / "lib.sh"
    done = subprocess.run(["bash", "-c", 'set -euo pipefail; . "$1"; shift; need_packages "$@"', "run", str(library), *TOOLS, *sorted(packages)])
    if done.returncode:
        sys.exit(1)


def stage(one: scenario.Scenario, form: str, base: int, options) -> str:
    """Plays a form in namespaces of its own. Returns its name if it failed, else ""."""
    name = f"{one.name}.{form}"
    began = datetime.datetime.now()
    ear = f"{os.getpid()}-{base}"
    listener = None if witness.unavailable() else witness.listen(ear)
    try:
        done = subprocess.run(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "--", sys.executable, "-B", "-m", "machinery.stage",
             "--out", str(options.out), "--seed", str(options.seed), "--inside", one.name, form, str(base), ear],
            capture_output=True, text=True, timeout=one.limit_s)
        said, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        said, code = f"took longer than {one.limit_s} s\n{(late.stderr or b'').decode(errors='replace')}", 1
    finally:
        if listener:
            listener.close()
    took = (datetime.datetime.now() - began).total_seconds()
    print(f"run: {name}: {'made' if code == 0 else 'FAILED'} in {took:.0f} s" + ("\n" + said.strip() if code else ""), file=sys.stderr, flush=True)
    return name if code else ""


def play(one: scenario.Scenario, form: str, base: int, listener: witness.Witness | None, options) -> int:
    """Inside the namespaces."""
    command("mount", "--make-rprivate", "/")
    command("mount", "-t", "tmpfs", "tmpfs", "/run")
    Path("/run/netns").mkdir()
    # Where every user of the lab can go; sockets of Unix have short names.
    scratch = Path(tempfile.mkdtemp(prefix="tcpwhy-lab-", dir="/run"))
    scratch.chmod(0o755)
    lab = Lab(base, scratch, options.seed)
    try:
        one.play(lab, **one.forms[form])
        for service in reversed(lab.services):
            service.stop()
        records = lab.network.stop_recording()
        head = {
            "scenario": one.name, "form": form, "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "seed": options.seed, "versions": truth.versions(lab.services),
            "topology": [f"{a.host.name} {a.address} – {b.host.name} {b.address}: {what}" for a, b, what in lab.network.wires],
            "settings": {**{key: str(value) for key, value in one.forms[form].items()}, **lab.settings},
            "counters": {host.name: counted for host in lab.network.hosts.values() if (counted := host.counters())},
            "seen by the traffic": lab.notes,
        }
        events = listener.events(f"10.{base}.") if listener else []
        for folder in truth.tell(lab, records, events, bool(listener), head, options.out, f"{one.name}_{form}"):
            (folder / "README.md").write_text(readme.text(one, json.loads((folder / "truth.json").read_text())))
    except Exception:
        for service in lab.services:
            print(f"--- {service.name} on {service.host.name}\n{service.log()[-1500:]}", file=sys.stderr)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
