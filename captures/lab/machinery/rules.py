"""Rules of nftables that more than one scenario lays down, for `Lab.chain`."""

from __future__ import annotations

from .network import Host

# What a strict firewall does: who was answered by a SYN-ACK is marked, and an ACK to somebody who was not is thrown away.
NO_ACK_TO_A_SYN = ("tcp flags & (syn | ack) == syn | ack ct mark set 1", "ct direction reply ct mark 0 tcp flags & (syn | ack | rst) == ack drop")


def unplug(host: Host) -> None:
    """From now on it neither hears nor says anything. What comes is still on record, as the cable is."""
    host.nft("table netdev unplugged {\n" + "\n".join(
        f"chain {hook} {{\ntype filter hook {hook} device {interface.name} priority -500;\ndrop\n}}"
        for interface in host.interfaces for hook in ("ingress",)) + "\n}\n"
        "table ip unplugged {\nchain out {\ntype filter hook output priority -500;\ndrop\n}\n}")


def plug_in(host: Host) -> None:
    host.nft("delete table netdev unplugged\ndelete table ip unplugged")
