import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import httpx
import pytest

from baseten_pulumi.testing import Emulator

ENVIRONMENT = "/v1/models/lm4chat8/environments/production"
KEY = {"Authorization": "Api-Key s3cret"}
# Longer than the command takes, however busy the machine is.
SECONDS = 60


@contextmanager
def _serving(*options: str) -> Iterator[tuple["subprocess.Popen[str]", IO[str]]]:
    """Run `emulate` on a free port; it is killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-X", "utf8", "-m", "baseten_pulumi.cli", "emulate", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def test_it_introduces_itself_and_reports_requests_when_it_serves() -> None:
    """Each line is written at once: what to set for a program, and one for each request. SIGTERM ends it silently."""
    with _serving("--apply-seconds", "3") as (process, output), httpx.Client(trust_env=False, headers=KEY) as client:
        first = output.readline()
        found = re.fullmatch(
            r"Baseten emulator on (http://127\.0\.0\.1:\d+) · any key · settings take 3 s to apply\n", first
        )
        assert found is not None, first
        url = found[1]
        assert [output.readline() for _ in range(5)] == [
            "  model lm4chat8  llama-chat: dev, staging, production\n",
            "  model wh5pr3v1  whisper-transcribe: dev, staging, production\n",
            "  model emb3d9x2  embeddings: dev, staging, production\n",
            f"  export BASETEN_BASE_URL={url}\n",
            "  export BASETEN_API_KEY=anything\n",
        ]
        body = {"autoscaling_settings": {"max_replica": 6}}
        assert client.patch(url + ENVIRONMENT, json=body).json()["status"] == "ACCEPTED"
        assert output.readline() == f"PATCH {ENVIRONMENT} 200 ACCEPTED\n"
        client.get(url + "/nowhere")
        assert output.readline() == "GET /nowhere 404\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=SECONDS) == ("", "")
        assert process.returncode == 0


def test_the_key_is_not_printed_when_only_one_is_accepted() -> None:
    """Ctrl-C ends it silently."""
    with _serving("--api-key", "s3cret") as (process, output):
        first, *rest = [output.readline() for _ in range(6)]
        assert first.endswith(" · one key · settings take 0 s to apply\n")
        assert rest[-1] == "  export BASETEN_API_KEY=<the key given as --api-key>\n"
        models = first.split()[3] + "/v1/models"
        assert httpx.get(models, headers={"Authorization": "Api-Key other"}, trust_env=False).is_client_error
        assert httpx.get(models, headers=KEY, trust_env=False).is_success
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=SECONDS)
        assert "s3cret" not in first + printed
        assert (errors, process.returncode) == ("", 0)


def test_it_keeps_serving_when_its_output_is_not_read() -> None:
    """`baseten-pulumi emulate | head -1` ends the output, not the emulator."""
    with _serving() as (process, output):
        url = output.readline().split()[3]
        output.close()
        for _ in range(2):
            assert httpx.get(f"{url}/v1/models", headers=KEY, trust_env=False).is_success
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_ends_when_another_thread_receives_the_signal() -> None:
    """The kernel delivers a signal to any thread of the process, while the main thread may be asleep."""
    program = """
import signal, sys, threading, time
from baseten_pulumi.cli import emulate, main

def is_asleep():
    frame = sys._current_frames()[threading.main_thread().ident]  # Condition.wait, of Event.wait, of the command
    is_waiting = frame.f_code is threading.Condition.wait.__code__
    return is_waiting and frame.f_back.f_back.f_code.co_filename == emulate.__file__

def receive():
    while not is_asleep():
        time.sleep(0.01)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=receive, daemon=True).start()
sys.exit(main(["emulate", "--port", "0"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_error_names_the_port_when_it_is_in_use(run: Callable[..., str]) -> None:
    """In one line."""
    with Emulator() as emulator:
        port = emulator.url.rpartition(":")[2]
        assert run("emulate", "--port", port, status=1) == f"port {port} on 127.0.0.1 is in use by another program\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--rate-limit", "0"], "rate-limit must be "),
        (["--rate-burst", "9"], "rate-burst must be "),
        (["--apply-seconds", "-1"], "apply-seconds must be "),
        (["--port", "99999"], "--port must be from 0 to 65535, got 99999\n"),
    ],
)
def test_usage_is_printed_when_an_option_is_invalid(options: list[str], error: str, run: Callable[..., str]) -> None:
    """The emulator's own rule, by the name of the option."""
    assert f"baseten-pulumi emulate: error: {error}" in run("emulate", *options, status=2)


def test_error_names_the_extra_when_its_packages_are_not_installed() -> None:
    """A plain installation has no server."""
    script = """
import sys
sys.modules["uvicorn"] = None
from baseten_pulumi.cli import main
sys.exit(main(["emulate"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r'The emulator needs .*: pip install "baseten-pulumi\[testing\]".*\n', done.stderr)
