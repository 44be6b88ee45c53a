"""The program `syn_flood`: SYNs from addresses that nobody has."""

import json
import re
import subprocess

from . import backends

PROGRAM = "syn_flood"
SOURCES = {backends.SERVER_V4: "198.18.0.0/15", backends.SERVER_V6: "2001:db8:5::/48"}


class SynFlood:
    """A context manager: inside, `count` SYNs go to the server at `rate` a second. Leaving it waits for the last."""

    def __init__(self, live, count, rate, address=backends.SERVER_V4, seed=1):
        self._live = live
        self._arguments = [backends.DEVICE, address, backends.PORT, SOURCES[address], "--count", count, "--rate", rate,
                           "--seed", seed]
        self._timeout = 30 + 4 * count / rate
        self.sent = self.seconds = None

    def __enter__(self):
        self._process = self._live.namespace.popen(
            backends.binary("release", PROGRAM), *self._arguments, *self._to(), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        return self

    def _to(self):
        """The option for the server's link address, where it has one: that of the interface which it shares or owns
        addresses on."""
        if self._live.backend.tunnel:
            return ["--to", backends.SERVER_MAC]
        if not self._live.backend.veth:
            return []
        shown = self._live.far.run("ip", "-j", "link", "show", "dev", backends.PEER_DEVICE).stdout
        return ["--to", json.loads(shown)[0]["address"]]

    def __exit__(self, *_):
        try:
            printed, _ = self._process.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        found = re.search(r"sent=(\d+) seconds=([\d.]+)", printed)
        assert found and self._process.returncode == 0, printed
        self.sent, self.seconds = int(found[1]), float(found[2])
