"""Rules of nftables that more than one scenario lays down."""

from __future__ import annotations

from .network import Host

# What a strict firewall does: who was answered by a SYN-ACK is marked, and an ACK to somebody who was not is thrown away. For `Lab.chain`.
NO_ACK_TO_A_SYN = ("tcp flags & (syn | ack) == syn | ack ct mark set 1",
                   "ct direction reply ct mark 0 tcp flags & (syn | ack | rst) == ack drop")


def unplug(host: Host) -> None:
    """From now on it neither hears nor says anything, ARP included. What comes is still on record, as it is on the cable."""
    for number, interface in enumerate(host.interfaces):
        host.nft(f"""
            table netdev unplugged {{ chain hears_{number} {{
                type filter hook ingress device {interface.name} priority filter
                drop
            }}
            }}""")
    host.nft("""
        table ip unplugged { chain says {
            type filter hook output priority filter
            drop
        }
        }""")


def plug_in(host: Host) -> None:
    host.nft("delete table netdev unplugged\ndelete table ip unplugged")
