import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import httpx
import pytest

from baseten_pulumi.testing import Emulator

ENVIRONMENT = "/v1/models/abc123/environments/qa"
# Longer than the command takes, however busy the machine is.
SECONDS = 60


@contextmanager
def _serving(*options: str) -> Iterator[tuple["subprocess.Popen[str]", IO[str], list[str]]]:
    """Run `emulate` on a free port, and read its introduction; it is killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-X", "utf8", "-m", "baseten_pulumi.cli", "emulate", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline()]
            while "BASETEN_API_KEY" not in lines[-1]:
                lines.append(process.stdout.readline())
            yield process, process.stdout, lines
        finally:
            process.kill()


def _client(lines: list[str]) -> httpx.Client:
    headers = {"Authorization": "Api-Key s3cret"}
    return httpx.Client(base_url=lines[0].split()[3], trust_env=False, headers=headers)


def test_it_serves_what_the_command_line_says_when_it_is_started() -> None:
    """Each line is written at once, and the key is in none of them. SIGTERM ends it silently."""
    fault = '{"kind": "status", "status": 423, "times": 1, "method": "GET"}'
    promotions = ("--promotion", "abc123/qa:0.01", "--promotion", "abc123/production")
    script = ("--model", "abc123:mine:qa,production", *promotions, "--fault", fault)
    with (
        _serving("--apply-seconds", "3", "--api-key", "s3cret", *script) as (process, output, lines),
        _client(lines) as client,
    ):
        assert lines == [
            f"Baseten emulator on {client.base_url} · one key · settings take 3 s to apply\n",
            "  model lm4chat8  llama-chat: dev, staging, production\n",
            "  model wh5pr3v1  whisper-transcribe: dev, staging, production\n",
            "  model emb3d9x2  embeddings: dev, staging, production\n",
            "  model abc123  mine: qa, production\n",
            f"  export BASETEN_BASE_URL={client.base_url}\n",
            "  export BASETEN_API_KEY=<the key given as --api-key>\n",
        ]
        assert client.get(ENVIRONMENT).status_code == 423
        assert output.readline() == f"GET {ENVIRONMENT} 423\n"
        for path, status, promotion in (
            (ENVIRONMENT, "ACCEPTED", "SUCCEEDED"),
            (ENVIRONMENT.replace("qa", "production"), "QUEUED", "RAMPING_UP"),
        ):
            changed = client.patch(path, json={"autoscaling_settings": {"max_replica": 6}}).json()
            assert output.readline() == f"PATCH {path} 200 {status}\n"
            assert changed["environment"]["in_progress_promotion"]["status"] == promotion
        assert client.get("/v1/models", headers={"Authorization": "Api-Key other"}).status_code == 403
        assert output.readline() == "GET /v1/models 403\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=SECONDS) == ("", "")
        assert process.returncode == 0


def test_it_keeps_serving_when_its_output_is_not_read() -> None:
    """`baseten-pulumi emulate | head -6` ends the output, not the emulator. Ctrl-C ends it silently."""
    with _serving() as (process, output, lines), _client(lines) as client:
        assert lines[0].endswith(" · any key · settings take 0 s to apply\n")
        assert lines[-1] == "  export BASETEN_API_KEY=anything\n"
        output.close()
        for _ in range(2):
            assert client.get("/v1/models").is_success
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.fixture
def ignored_signals() -> Iterator[None]:
    """Ignore the signals that end the command, for as long as it does not handle them."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("ignored_signals")
def test_it_ends_when_another_thread_receives_the_signal(run: Callable[..., str]) -> None:
    """The kernel delivers a signal to any thread of the process, while the main thread may be asleep."""
    has_ended, was_rescued = threading.Event(), threading.Event()

    def receive() -> None:
        for _ in range(20 * SECONDS):
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            if has_ended.wait(0.05):
                return
        was_rescued.set()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    receiving = threading.Thread(target=receive)
    receiving.start()
    assert run("emulate", "--port", "0").startswith("Baseten emulator on ")
    has_ended.set()
    receiving.join()
    assert not was_rescued.is_set()


def test_error_names_the_port_when_it_is_in_use(run: Callable[..., str]) -> None:
    with Emulator() as emulator:
        port = emulator.url.rpartition(":")[2]
        assert run("emulate", "--port", port, status=1) == f"port {port} on 127.0.0.1 is in use by another program\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--rate-limit", "0"], "rate-limit must be "),
        (["--rate-burst", "9"], "rate-burst must be "),
        (["--apply-seconds", "-1"], "apply-seconds must be "),
        (["--deployment-seconds", "-1"], "deployment-seconds must be "),
        (["--port", "99999"], "--port must be from 0 to 65535, got 99999\n"),
        (["--model", "abc123"], "--model must be ID:NAME:ENVIRONMENT,…, got abc123\n"),
        (["--promotion", "m9/production"], "--promotion m9/production: Model m9 not found\n"),
        (["--promotion", "lm4chat8/dev:soon"], "--promotion lm4chat8/dev:soon: could not convert string to float"),
        (["--fault", "{"], "--fault {: Expecting property name"),
        (["--fault", '{"kind": "explode_now"}'], '--fault {"kind": "explode_now"}: kind must be one of status'),
    ],
)
def test_usage_is_printed_when_an_option_is_invalid(options: list[str], error: str, run: Callable[..., str]) -> None:
    """The emulator's own rule, by the name of the option."""
    assert f"baseten-pulumi emulate: error: {error}" in run("emulate", *options, status=2)


def test_error_names_the_extra_when_its_packages_are_not_installed(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("baseten_pulumi.testing.emulator")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    error = run("emulate", status=1)
    assert re.fullmatch(r'The emulator needs .*: pip install "baseten-pulumi\[testing\]".*\n', error)
