from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from machinery.network import Host

# Each attempt is told with the port that it went out from: those of one operation are boto3's own retries.
_PROGRAM = """
import json, sys, threading, time

import boto3, botocore.config, urllib3.connection, urllib3.connectionpool

plans, endpoint, key, secret, bucket, config = json.load(sys.stdin)
now = threading.local()
told = []
connect, make_request = urllib3.connection.HTTPConnection.connect, urllib3.connectionpool.HTTPConnectionPool._make_request


def connecting(connection):
    connect(connection)
    connection.source = "%s:%d" % connection.sock.getsockname()[:2]


def requesting(pool, connection, method, url, **more):
    attempt = {"source": "", "status": 0, "error": "", "whole": True}
    now.attempts.append(attempt)
    try:
        response = make_request(pool, connection, method, url, **more)
        attempt["status"] = response.status
        return response
    except Exception as error:
        attempt["error"] = repr(error.__cause__ or error)
        raise
    finally:
        attempt["source"] = getattr(connection, "source", "")


urllib3.connection.HTTPConnection.connect = connecting
urllib3.connectionpool.HTTPConnectionPool._make_request = requesting


def work(number, plan):
    client = boto3.session.Session().client(
        "s3", endpoint_url=endpoint, region_name="default", aws_access_key_id=key, aws_secret_access_key=secret,
        config=botocore.config.Config(s3={"addressing_style": "path"}, **config))
    for step, (what, argument, size) in enumerate(plan):
        if what == "pause":
            time.sleep(argument)
            continue
        now.operation, now.attempts = f"{what} {argument} ({number}.{step})", []
        began, outcome = time.monotonic(), "ok"
        try:
            if what == "PUT":
                client.put_object(Bucket=bucket, Key=argument, Body=b"s" * size)
            else:
                client.get_object(Bucket=bucket, Key=argument)["Body"].read()
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
            if now.attempts and now.attempts[-1]["status"] == 200:
                now.attempts[-1]["whole"] = False
        told.append({"operation": now.operation, "outcome": outcome, "took_s": time.monotonic() - began, "attempts": now.attempts})


threads = [threading.Thread(target=work, args=pair) for pair in enumerate(plans)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
json.dump(told, sys.stdout)
"""


@dataclass(frozen=True)
class Attempt:
    """One request on the wire. `source` is the "address:port" that it left from; `status` is 0 where no response came (see `error`);
    `whole`: its response came to its end."""

    source: str
    status: int
    error: str
    whole: bool


@dataclass(frozen=True)
class Operation:
    """A call of boto3's, with all its attempts; `outcome` is "ok" or the exception that the caller gets."""

    operation: str
    outcome: str
    took_s: float
    attempts: list[Attempt]

    def __str__(self) -> str:
        tried = ", ".join(f"{attempt.status or attempt.error}{'' if attempt.whole else ' cut short'}" for attempt in self.attempts)
        return f"boto3: {self.operation}: {self.outcome} after {self.took_s:.1f} s ({tried})"


class Boto3:
    """The S3 client of AWS for Python, with the retries that it brings."""

    packages = ("python3-boto3",)

    @staticmethod
    def run(lab, host: Host, address: str, port: int, plans: list[list[tuple[str, object, int]]], user: tuple[str, str, str],
            mode: str = "standard", attempts: int = 5, **config) -> list[Operation]:
        """Runs each plan in a thread of its own, a list of ("PUT", key, size), ("GET", key, 0) and ("pause", seconds, 0), and returns when
        all are done. `user`: key, secret and bucket. `config`: further settings of botocore's Config (read_timeout=2)."""
        lab.settings[f"boto3 on {host.name}"] = {"retries": f"{mode}, {attempts} attempts", **config}
        program = Path(lab.scratch, "boto3_client.py")
        program.write_text(_PROGRAM)
        asked = json.dumps([plans, f"http://{address}:{port}", *user, {"retries": {"mode": mode, "max_attempts": attempts}, **config}])
        # Debian's Python has Debian's boto3.
        told = json.loads(host.run("/usr/bin/python3", str(program), input=asked, timeout=90))
        return [Operation(**{**one, "attempts": [Attempt(**attempt) for attempt in one["attempts"]]}) for one in told]
