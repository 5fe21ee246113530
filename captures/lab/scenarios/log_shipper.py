"""A log shipper writes on after its collector has closed.

logger sends a line whenever there is one, and reads nothing: it doesn't see that the collector closed after 1 kB (a limit on the
connection, a restart). Its next line is answered by a RST, and lost without a word. Fixed, the collector keeps the connection.
"""

import subprocess

from machinery.actors import Server, takes_lines
from machinery.lab import HEALTHY, Lab, verdict

FORMS = {"failing": {"limit": 1000}, "fixed": {"limit": 1_000_000}}


def play(lab: Lab, limit: int) -> None:
    shipper, collector = lab.two_hosts("shipper", "collector", one_way_ms=10)
    collecting = lab.start(Server(lab, collector, 6514, takes_lines(limit)))
    lost = verdict("write_after_close", impact="request_lost", note="lines were sent after the collector's FIN")
    lab.judge(shipper, collector, lambda seen: lost if any(reset.host == collector.name for reset in seen.resets) else HEALTHY)

    def ship(pause_s: float) -> None:
        logger = subprocess.Popen(
            ["nsenter", f"--net={shipper.file}", "--", "logger", "--tcp", "--octet-count", "--server", collector.address, "--port", "6514",
             "--tag", "shop"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for number in range(20):
            lab.sleep(pause_s)
            if logger.poll() is None:
                try:
                    logger.stdin.write(f"order {number} " + "x" * 60 + "\n")
                    logger.stdin.flush()
                except BrokenPipeError:
                    lab.note(f"logger ended at line {number}")
                    break
        logger.stdin.close()
        logger.wait()

    lab.together(ship, [0.05, 0.1, 0.15])
    read = [sum(deed.what == "fin" for deed in peer.deeds) for peer in collecting.peers.values()]
    lab.note(f"{len(read)} shippers; the collector closed on {sum(read)}")
