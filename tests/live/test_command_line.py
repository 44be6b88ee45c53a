"""What an operator meets before the first packet."""

import os
import subprocess

import pytest
from conftest import require
from harness.backends import DEVICE, LISTENING, PORT, REPOSITORY, SERVER_V4, binary
from harness.wait import wait_until


def windhover(*args):
    path = binary("release")
    require(os.access(path, os.X_OK), f"{path} is not built")
    return subprocess.run([path, *map(str, args)], capture_output=True, text=True, timeout=30, check=False)


class TestCommandLine:
    def test_help_names_the_commands(self):
        done = windhover("--help")
        assert done.returncode == 0
        assert "serve" in done.stdout and "check" in done.stdout

    def test_version_is_one_line(self):
        done = windhover("--version")
        assert done.returncode == 0
        assert done.stdout.startswith("windhover ") and done.stdout.count("\n") == 1

    def test_unknown_command_is_refused(self):
        done = windhover("fly")
        assert done.returncode not in (0, None)
        assert done.stderr

    @pytest.mark.parametrize("name", ("default.json", "tun.json", "udp.json", "xdp.json"))
    def test_shipped_configuration_is_valid(self, name):
        done = windhover("check", "--config", REPOSITORY / "config" / name)
        assert done.returncode == 0, done.stderr

    def test_wrong_key_is_reported_with_its_place_and_the_nearest_key(self, tmp_path):
        path = tmp_path / "wrong.json"
        path.write_text('{\n  "limits": {\n    "keepAliveTimeou": "5s"\n  }\n}\n')
        done = windhover("check", "--config", path)
        assert done.returncode == 1
        said = done.stdout + done.stderr
        assert f"{path}:3:" in said and "keepAliveTimeout" in said, said

    def test_wrong_value_of_set_is_reported(self):
        done = windhover("check", "--config", REPOSITORY / "config" / "tun.json", "--set",
                         "limits.keepAliveTimeout=soon")
        assert done.returncode == 1
        assert "keepAliveTimeout" in done.stdout + done.stderr

    def test_missing_file_is_reported(self, tmp_path):
        done = windhover("serve", "--config", tmp_path / "none.json")
        assert done.returncode == 1
        assert "none.json" in done.stdout + done.stderr


def make_room(live):
    """Stops the class's server, if it still runs: another one would want the same addresses, or the same queues."""
    assert live.server.stop() == 0
    if live.backend.apart:
        return
    wait_until(lambda: live.namespace.run("ip", "link", "show", DEVICE, check=False).returncode != 0, 5,
               f"{DEVICE} is gone")


class TestStartAndEnd:
    pytestmark = pytest.mark.ours

    def test_start_prints_addresses_and_memory(self, live):
        assert LISTENING in live.server.output
        assert f"http://[fd66::2]:{PORT}" in live.server.output
        assert "MiB" in live.server.output

    def test_server_goes_and_comes_again(self, live, tmp_path):
        make_room(live)
        second = live.server.again(tmp_path)
        try:
            second.start()
            assert live.curl(f"http://{SERVER_V4}:{PORT}/hello.txt") == "Hello, World!"
            assert second.stop() == 0
        finally:
            second.kill()

    def test_sigterm_lets_a_download_finish(self, live, site, tmp_path):
        make_room(live)
        server = live.server.again(tmp_path)
        try:
            server.start()
            curl = live.namespace.popen("curl", "-sS", "--max-time", 30, "--limit-rate", "2M",
                                        f"http://{SERVER_V4}:{PORT}/1m.bin",
                                        stdout=subprocess.PIPE)
            assert curl.stdout.read(1) == site.read("1m.bin")[:1]
            server.signal()
            rest = curl.stdout.read()
            assert curl.wait() == 0
            assert rest == site.read("1m.bin")[1:]
            assert server.stop() == 0
        finally:
            server.kill()
