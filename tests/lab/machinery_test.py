"""The machinery of captures/lab, where it can be tested without being root."""

import json
import re
import socket
import struct
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

SOURCE = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "captures" / "lab"))

from machinery import oracle, scenario, scoring, wire, witness  # noqa: E402

CLIENT, SERVER = socket.inet_aton("10.60.0.10"), socket.inet_aton("10.60.0.20")
TIMESTAMPS = b"\x01\x01\x08\x0a" + struct.pack("!II", 1000, 2000)
SYN_OPTIONS = b"\x02\x04\x05\xb4\x04\x02\x08\x0a" + struct.pack("!II", 1000, 0) + b"\x01\x03\x03\x07"


def segment(flags=wire.ACK | wire.PSH, payload=b"GET /", options=TIMESTAMPS, seq=100, ack=500) -> wire.Segment:
    """From the client to the server, as it would come from a packet socket."""
    tcp = struct.pack("!HHIIBBHHH", 40000, 80, seq, ack, (20 + len(options)) // 4 << 4, flags, 502, 0, 0) + options + payload
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 7, 0x4000, 64, 6, 0) + CLIENT + SERVER
    return wire.Segment(b"\xaa" * 6 + b"\xbb" * 6 + b"\x08\x00" + ip + tcp)


def ones_complement(data: bytes) -> int:
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class ASegmentOnTheWire(unittest.TestCase):
    def test_is_the_same_after_reading_and_writing(self):
        once = segment().frame()
        self.assertEqual(wire.Segment(once).frame(), once)

    def test_has_checksums_that_a_receiver_accepts(self):
        frame = segment(payload=b"odd").frame()
        ip, tcp = frame[14:34], frame[34:]
        self.assertEqual(ones_complement(ip), 0xFFFF)
        self.assertEqual(ones_complement(CLIENT + SERVER + struct.pack("!HH", 6, len(tcp)) + tcp), 0xFFFF)

    def test_ends_behind_its_bytes_and_its_flags(self):
        self.assertEqual(segment(payload=b"12345").end, 105)
        self.assertEqual(segment(payload=b"", flags=wire.SYN).end, 101)
        self.assertEqual(segment(payload=b"1", flags=wire.FIN | wire.ACK, seq=0xFFFFFFFF).end, 1)


class AForgedReset(unittest.TestCase):
    def test_to_the_sender_names_the_receiver_and_what_it_would_have_sent(self):
        forged = segment(seq=100, ack=500).forged_reset(back=True, ttl=61)
        self.assertEqual((forged.source, forged.sport, forged.target, forged.dport), (SERVER, 80, CLIENT, 40000))
        self.assertEqual((forged.seq, forged.ack, forged.flags, forged.ttl), (500, 105, wire.RST | wire.ACK, 61))

    def test_to_the_receiver_comes_right_behind_the_segment(self):
        forged = segment(seq=100, ack=500).forged_reset(back=False, ttl=61)
        self.assertEqual((forged.source, forged.seq, forged.ack), (CLIENT, 105, 500))

    def test_bears_neither_options_nor_data(self):
        forged = wire.Segment(segment().forged_reset(back=True, ttl=61).frame())
        self.assertEqual((forged.options, forged.payload), (b"", b""))


class ADeviceThatTakesTimestampsOut(unittest.TestCase):
    def options_after(self, device, before, side=0):
        (after, to), = device.see(before, side, 0.0)
        self.assertEqual(to, 1 - side)
        return wire.Segment(after.frame()).options

    def test_leaves_nothing_of_them(self):
        self.assertEqual(self.options_after(wire.StripsTimestamps(), segment()), b"")

    def test_leaves_the_other_options_of_a_syn(self):
        after = self.options_after(wire.StripsTimestamps(), segment(flags=wire.SYN, payload=b"", options=SYN_OPTIONS))
        self.assertEqual(after, b"\x02\x04\x05\xb4\x04\x02\x01\x03\x03\x07\x01\x01")

    def test_may_put_ten_nops_in_their_place(self):
        self.assertEqual(self.options_after(wire.StripsTimestamps(padded=True), segment()), b"\x01" * 12)

    def test_leaves_the_side_alone_that_it_was_not_given(self):
        self.assertEqual(self.options_after(wire.StripsTimestamps(sides=(0,)), segment(), side=1), TIMESTAMPS)


class ADeviceThatForgets(unittest.TestCase):
    def test_passes_what_comes_in_time(self):
        device = wire.ForgetsIdle(2)
        for now in (0.0, 1.9, 3.8):
            self.assertEqual(len(device.see(segment(), 0, now)), 1)

    def test_is_silent_after_that_until_a_new_connection_opens(self):
        device = wire.ForgetsIdle(2)
        device.see(segment(), 0, 0.0)
        self.assertEqual(device.see(segment(), 0, 2.1), [])
        self.assertEqual(device.see(segment(), 0, 2.2), [])
        self.assertEqual(len(device.see(segment(flags=wire.SYN, payload=b""), 0, 2.3)), 1)

    def test_that_rejects_answers_in_the_other_ends_name(self):
        device = wire.ForgetsIdle(2, how="rejects")
        device.see(segment(), 0, 0.0)
        (answer, to), = device.see(segment(ack=500), 0, 3.0)
        self.assertEqual((to, answer.source, answer.seq, answer.flags), (0, SERVER, 500, wire.RST))

    def test_that_tells_both_does_so_once_and_by_itself(self):
        device = wire.ForgetsIdle(2, how="tells_both")
        device.see(segment(), 0, 0.0)
        self.assertEqual(device.tick(1.9), [])
        self.assertEqual(sorted(to for _, to in device.tick(2.1)), [0, 1])
        self.assertEqual(device.tick(2.2), [])


class AWitness(unittest.TestCase):
    """Lines as Linux 6.18 writes them."""

    HEAD = "            node-15008   [001] ..s2. 1000.500000: "

    def events(self, *lines, prefix="10.60."):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "trace").write_text("# tracer: nop\n" + "".join(self.HEAD + line + "\n" for line in lines))
            return witness.Witness(Path(folder)).events(prefix)

    def test_knows_who_sent_a_reset_and_why(self):
        event, = self.events("tcp_send_reset: skbaddr=0 skaddr=1 src=10.60.0.20:80 dest=10.60.0.10:40000 state=TCP_TIME_WAIT "
                             "reason=TCP_TIMEWAIT_SOCKET")
        self.assertEqual((event.sent, event.source, event.target, event.state, event.reason),
                         (True, "10.60.0.20:80", "10.60.0.10:40000", "TIME_WAIT", "TCP_TIMEWAIT_SOCKET"))

    def test_remembers_what_a_socket_was_before_it_was_closed(self):
        event, = self.events(
            "inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP sport=80 dport=40000 saddr=10.60.0.20 daddr=10.60.0.10 "
            "saddrv6=::ffff:10.60.0.20 daddrv6=::ffff:10.60.0.10 oldstate=TCP_FIN_WAIT1 newstate=TCP_CLOSE",
            "tcp_send_reset: skbaddr=0 skaddr=1 src=10.60.0.20:80 dest=10.60.0.10:40000 state=TCP_CLOSE reason=TCP_ABORT_ON_DATA")
        self.assertEqual(event.state, "FIN_WAIT1")

    def test_reads_the_addresses_of_a_socket_of_both_families(self):
        event, = self.events("tcp_send_reset: skbaddr=0 skaddr=1 src=[::ffff:10.60.0.20]:80 dest=[::ffff:10.60.0.10]:40000 "
                             "state=UNKNOWN reason=NO_SOCKET")
        self.assertEqual((event.source, event.state), ("10.60.0.20:80", ""))

    def test_keeps_what_a_listener_sends_and_leaves_other_networks_alone(self):
        found = self.events("tcp_send_reset: skbaddr=0 skaddr=1 src=0.0.0.0:80 dest=0.0.0.0:0 state=TCP_LISTEN reason=TCP_FLAGS",
                            "tcp_send_reset: skbaddr=0 skaddr=1 src=192.0.2.1:80 dest=192.0.2.2:9 state=TCP_LISTEN reason=TCP_FLAGS")
        self.assertEqual([event.source for event in found], ["0.0.0.0:80"])

    def test_says_who_took_a_reset(self):
        event, = self.events("tcp_receive_reset: family=AF_INET sport=40000 dport=80 saddr=10.60.0.10 daddr=10.60.0.20 "
                             "saddrv6=::ffff:10.60.0.10 daddrv6=::ffff:10.60.0.20 sock_cookie=1a")
        self.assertEqual((event.sent, event.source, event.target), (False, "10.60.0.20:80", "10.60.0.10:40000"))


def reset(reason="TCP_ABORT_ON_DATA", state="FIN_WAIT1", **words):
    return {"frame": 9, "host": "server", "state": state, "reason": reason, **words}


class TheOracle(unittest.TestCase):
    def test_has_nothing_against_what_fits(self):
        self.assertEqual(oracle.objections(["keepalive_race"], ["reply"], [reset()]), [])

    def test_objects_to_a_cause_that_the_reason_excludes(self):
        self.assertIn("TCP_KEEPALIVE_TIMEOUT", oracle.objections(["keepalive_race"], [], [reset("TCP_KEEPALIVE_TIMEOUT", "ESTABLISHED")])[0])

    def test_asks_for_the_state_where_the_reason_is_not_enough(self):
        self.assertEqual(oracle.objections(["keepalive_race"], [], [reset(state="FIN_WAIT1")]), [])
        self.assertNotEqual(oracle.objections(["keepalive_race"], [], [reset(state="FIN_WAIT2")]), [])

    def test_asks_for_one_cause_of_several(self):
        self.assertEqual(oracle.objections(["keepalive_mismatch", "keepalive_race"], [], [reset()]), [])

    def test_accuses_no_host_of_what_none_sent(self):
        forged = {"frame": 9, "forged": True}
        self.assertEqual(oracle.objections(["injected_reset"], [], [forged]), [])
        self.assertIn("no host sent", oracle.objections(["stale_reuse"], [], [forged])[0])

    def test_objects_to_an_abort_that_is_called_a_reply(self):
        self.assertNotEqual(oracle.objections(["abortive_close"], ["reply"], [reset("TCP_STATE", "ESTABLISHED")]), [])
        self.assertEqual(oracle.objections(["abortive_close"], ["abort"], [reset("TCP_STATE", "ESTABLISHED")]), [])

    def test_is_silent_where_the_kernel_was(self):
        self.assertEqual(oracle.objections(["keepalive_race"], [], [reset(reason="", state="")]), [])

    def test_knows_every_cause_by_its_name_in_the_catalogue(self):
        page = (SOURCE / "docs" / "diagnoses.md").read_text()
        known = set(re.findall(r"^#+ `?([a-z_]+)`?$", page, re.MULTILINE))
        self.assertIn("keepalive_race", known)
        self.assertEqual(set(oracle.ALLOWED) - known, set())


class AScore(unittest.TestCase):
    """Of a capture with one stream, of which one cause is said."""

    def of(self, said: str, severity: int = 3, **truth) -> scoring.Score:
        score = scoring.Score()
        stream = {"stream": 0, "frame": 1, "from": "10.60.0.10:40000", "to": "10.60.0.20:80", "causes": [], **truth}
        finding = scoring.Finding(said, "", "server", "request_lost", severity, "reply")
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(scoring, "said_of", return_value={1: [finding]}):
            Path(folder, "truth.json").write_text(json.dumps({"made": "2026-11-27T12:00", "versions": {}, "streams": [stream]}))
            scoring.add(score, Path(folder))
        return score

    def test_finds_the_cause(self):
        score = self.of("stale_reuse", causes=["keepalive_race", "stale_reuse"])
        self.assertEqual((score.found, score.misses), ({"stale_reuse": 1}, []))

    def test_tells_another_cause_as_false_and_the_right_one_as_missed(self):
        score = self.of("server_abort", causes=["stale_reuse"])
        self.assertEqual((score.false, score.missed, len(score.misses)), ({"server_abort": 1}, {"stale_reuse": 1}, 2))

    def test_has_a_healthy_stream_accused_by_a_warning_and_not_by_a_note(self):
        self.assertEqual((self.of("server_abort", severity=2).accused, self.of("server_abort", severity=1).accused), (1, 0))

    def test_judges_fault_and_impact_where_the_cause_is_right(self):
        score = self.of("stale_reuse", causes=["stale_reuse"], fault=["client"], impact=["request_lost"])
        self.assertEqual(score.wrong, {"fault": 1})

    def test_hears_the_kernel(self):
        told = {"frame": 1, "from": "10.60.0.20:80", "host": "server", "state": "", "reason": "NO_SOCKET"}
        self.assertEqual(len(self.of("abortive_truncation", causes=["abortive_truncation"], resets=[told]).objections), 1)

    def test_counts_what_nobody_can_know_as_wrong_and_tells_it_apart(self):
        score = self.of("server_abort", causes=["stale_reuse"], hidden="the FIN went another way")
        self.assertEqual((score.false, score.missed, score.misses), ({"server_abort": 1}, {"stale_reuse": 1}, []))
        self.assertTrue(all(line.endswith(": the FIN went another way") for line in score.hidden))
        self.assertEqual(len(score.hidden), 2)


class TheScenarios(unittest.TestCase):
    def test_have_a_title_a_story_and_forms_each(self):
        for one in scenario.all_of(SOURCE / "captures" / "lab" / "scenarios").values():
            with self.subTest(one.name):
                self.assertTrue(one.title.endswith("."))
                self.assertGreater(len(one.story), 80)
                self.assertTrue(one.forms)


if __name__ == "__main__":
    unittest.main()
