from __future__ import annotations

import os
import signal
import time
import uuid
from pathlib import Path

from machinery.software import Service

KEY, SECRET, BUCKET = "LABACCESSKEY00000001", "labsecret0000000000000000000000000000001", "shop"

_CONFIGURATION = """
[global]
fsid = {cluster}
mon host = [v2:{address}:3300,v1:{address}:6789]
public addr = {address}
cluster addr = {address}
auth cluster required = none
auth service required = none
auth client required = none
# Its default is secure, which can't be had without keys.
ms mon client mode = crc
run dir = {folder}/run
admin socket = {folder}/run/$name.$pid.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
mon cluster log file = {folder}/log/cluster.log
crash dir = {folder}/log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
paxos propose interval = 0.1
mon data avail crit = 1
mon data avail warn = 2
[mon]
mon data = {folder}/mon
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
[client.rgw.lab]
rgw data = {folder}/rgw
rgw frontends = beast endpoint={address}:{port} tcp_nodelay=1
rgw thread pool size = 32
"""

_START = """set -eu
ceph-mon --mkfs -i a --monmap monmap
ceph-mon -f -i a &
ceph --connect-timeout 20 osd new {osd} 0
ceph-osd -i 0 --mkfs --osd-uuid {osd}
ceph-osd -f -i 0 &
radosgw -f -n client.rgw.lab &
wait
"""


class Ceph(Service):
    """The smallest Ceph that serves S3: one monitor, one OSD (memstore: it lives in memory), one RADOS gateway, all on one host, with a
    user (KEY, SECRET) and an empty bucket. No keys between the daemons, no manager."""

    packages = ("ceph-mon", "ceph-osd", "radosgw", "ceph-common", "python3-boto3")
    version_command = ("radosgw", "--version")
    as_root = True

    def __init__(self, host, port: int = 7480):
        super().__init__(host, port)

    def prepare(self, folder):
        for name in ("mon", "osd", "rgw", "log", "run"):
            (folder / name).mkdir()
        cluster, osd = str(uuid.uuid4()), str(uuid.uuid4())
        address = self.host.address
        (folder / "ceph.conf").write_text(_CONFIGURATION.format(cluster=cluster, address=address, port=self.port, folder=folder))
        (folder / "start.sh").write_text(_START.format(osd=osd))
        self._run("monmaptool", "--create", "--clobber", "--fsid", cluster, "--addv", "a", f"[v2:{address}:3300,v1:{address}:6789]",
                  f"{folder}/monmap")

    def environment(self):
        return {"CEPH_CONF": f"{self.folder}/ceph.conf"}

    def command(self, folder):
        return ["bash", "start.sh"]

    def start(self, folder: Path) -> None:
        super().start(folder)
        self._run("radosgw-admin", "-n", "client.rgw.lab", "user", "create", "--uid=lab", "--display-name=lab", f"--access-key={KEY}",
                  f"--secret-key={SECRET}")
        # On its own host, by way of the loopback: nothing of this is on record. Debian's Python has Debian's boto3.
        self.host.run("/usr/bin/python3", "-c", f"""
import boto3, botocore
boto3.client("s3", endpoint_url="http://{self.host.address}:{self.port}", region_name="default", aws_access_key_id="{KEY}",
             aws_secret_access_key="{SECRET}").create_bucket(Bucket="{BUCKET}")
""", timeout=60)

    def _run(self, *arguments: str) -> str:
        return self.host.run("timeout", "60", *arguments, env={**os.environ, **self.environment()})

    def hang_store(self, seconds: float) -> None:
        """Its OSD does nothing for so long: a disk that doesn't answer."""
        osd = int((self.folder / "run" / "osd.0.pid").read_text())
        os.kill(osd, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(osd, signal.SIGCONT)

    def stop(self) -> None:
        # Nothing of it is kept, and its daemons take seconds to say goodbye.
        if self.process and self.process.poll() is None:
            self.kill()
            self.process.wait()

    def settings(self):
        return {"store": "memstore", "daemons": "one ceph-mon, one ceph-osd, one radosgw"}
