import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from driftd.errors import CommandError, CommandLimitError, CommandTimeoutError
from driftd.retrain.process import launcher
from driftd.retrain.process.limits import Limits
from driftd.retrain.process.output import HEAD, TAIL

# Forks twice into a session of its own, drops its environment if told so, and will not hear SIGTERM.
ESCAPE = """
import os, signal, sys, time
if sys.argv[2] != "stay":
    if os.fork(): os._exit(0)
    os.setsid()
    if os.fork(): os._exit(0)
    os.execve(sys.executable, [sys.executable, *sys.argv[:2], "stay"], {} if sys.argv[2] == "naked" else os.environ)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1] + ".part", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""


@pytest.fixture
def escape(tmp_path) -> str:
    (tmp_path / "escape.py").write_text(ESCAPE)
    return f"{sys.executable} {tmp_path / 'escape.py'} {tmp_path / 'pid'}"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def await_file(path: Path) -> int:
    until = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < until, f"{path} was never written"
        threading.Event().wait(0.01)
    return int(path.read_text())


def run(tmp_path, *words, stop=None, timeout=30.0, **options):
    env = {"PATH": os.environ["PATH"], launcher.ROOT: str(tmp_path)}
    return launcher.run(
        words,
        cwd=tmp_path,
        env=env,
        log=tmp_path / "log",
        stop=stop or threading.Event(),
        timeout=timeout,
        grace=0.3,
        **options,
    )


def test_output_goes_to_the_log_and_captured_output_comes_back(tmp_path):
    (tmp_path / "log").write_text("before\n")
    done = run(tmp_path, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.code, done.output) == (3, "")
    assert done.log == "out\nerr"
    assert (tmp_path / "log").read_text() == "before\nout\nerr\n"
    assert run(tmp_path, "sh", "-c", "echo out; echo err >&2", capture=True).output == "out\n"


def test_the_environment_is_what_was_given(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    names = {line.partition("=")[0] for line in run(tmp_path, "env", capture=True).output.splitlines()}
    assert names <= {"PATH", launcher.ROOT, "PWD", "LC_CTYPE"}


def test_a_signal_and_a_missing_program_have_the_codes_of_a_shell(tmp_path):
    assert run(tmp_path, "sh", "-c", "kill -9 $$").code == 137
    assert run(tmp_path, "no-such-program").code == 127


@pytest.mark.parametrize("how", ["marked", "naked"])
def test_nothing_is_left_of_a_command_that_ended(tmp_path, escape, how):
    run(tmp_path, "sh", "-c", f"{escape} {how}; while ! test -e pid; do :; done")
    assert not alive(int((tmp_path / "pid").read_text()))


@pytest.mark.slow
@pytest.mark.parametrize("why", ["stop", "timeout"])
def test_a_stop_and_a_timeout_end_everything(tmp_path, escape, why):
    stop = threading.Event()
    words = ("sh", "-c", f"{escape} naked; sleep 600")
    if why == "stop":
        threading.Thread(target=lambda: (await_file(tmp_path / "pid"), stop.set())).start()
        with pytest.raises(launcher.Stopped):
            run(tmp_path, *words, stop=stop)
    else:
        with pytest.raises(CommandTimeoutError, match="ran longer than 3 s") as caught:
            run(tmp_path, *words, timeout=3)
        assert "retrain.timeout" in caught.value.remedy
    assert not alive(int((tmp_path / "pid").read_text()))


def test_nothing_is_left_when_the_daemon_is_killed(tmp_path, escape):
    daemon = f"""
import threading
from pathlib import Path
from driftd.retrain.process import launcher
from driftd.retrain.process.limits import Limits
from driftd.retrain.process.output import HEAD, TAIL
words = ["sh", "-c", "{escape} naked; sleep 600"]
here = Path({str(tmp_path)!r})
launcher.run(words, cwd=here, env={{}}, log=here / "log", stop=threading.Event(), timeout=99, grace=0.3)
"""
    daemon = subprocess.Popen([sys.executable, "-c", daemon])
    pid = await_file(tmp_path / "pid")
    assert alive(pid)
    daemon.kill()
    daemon.wait()
    until = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < until, "the stage outlived its daemon"
        threading.Event().wait(0.02)


def test_marked_processes_of_this_project_are_ended_and_no_others(tmp_path, escape):  # noqa: ARG001  # the fixture writes the script
    pids = {}
    for name in ("mine", "others"):
        env = {launcher.ROOT: str(tmp_path / name)}
        command = [sys.executable, str(tmp_path / "escape.py"), str(tmp_path / f"{name}.pid"), "marked"]
        subprocess.run(command, env=env, check=True)
        pids[name] = await_file(tmp_path / f"{name}.pid")
    try:
        assert launcher.end_marked(tmp_path / "mine", grace=0.2) == 1
        assert not alive(pids["mine"])
        assert alive(pids["others"])
    finally:
        os.kill(pids["others"], signal.SIGKILL)
    assert launcher.end_marked(tmp_path / "mine", grace=0.2) == 0


def test_a_query_that_fails_says_where_and_why(tmp_path):
    with pytest.raises(CommandError, match="not a git repository") as caught:
        launcher.query(["git", "status"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    assert str(tmp_path) in caught.value.message
    assert caught.value.code == 128


FILLING = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if not os.fork(): break
held = []
for _ in range(40):
    held.append(b"x" * 4_000_000)
    time.sleep(0.02)
time.sleep(600)
"""


def test_processes_that_fill_memory_together_are_ended_at_once_though_they_ignore_sigterm(tmp_path):
    started = time.monotonic()
    with pytest.raises(CommandLimitError, match=r"used \d+ MB of memory, more than 300 MB") as caught:
        run(tmp_path, sys.executable, "-c", FILLING, limits=Limits(memory=300e6))
    assert time.monotonic() - started < 10
    assert "retrain.memory" in caught.value.remedy
    assert not launcher.marked(tmp_path)


def test_pages_that_processes_share_count_once(tmp_path):
    code = "import os, time; held = b'x' * 60_000_000; [os.fork() for _ in range(3)]; time.sleep(1)"
    assert run(tmp_path, sys.executable, "-c", code, limits=Limits(memory=200e6)).code == 0


def test_what_fills_the_disk_is_ended_at_its_floor(tmp_path):
    disk = os.statvfs(tmp_path)
    floor = disk.f_bavail * disk.f_frsize - 100e6
    writes = "import time\nwith open('big', 'wb') as f:\n  for _ in range(200): f.write(bytes(10_000_000)); f.flush(); time.sleep(0.02)"
    with pytest.raises(CommandLimitError, match=r"GB are free at .*, less than") as caught:
        run(tmp_path, sys.executable, "-c", writes, limits=Limits(free_disk=floor, places=(tmp_path / "none",)))
    assert "retrain.free_disk" in caught.value.remedy
    assert (tmp_path / "big").stat().st_size < 1_900_000_000


def test_a_command_stands_back_for_others(tmp_path):
    code = "import os; print(os.nice(0), open('/proc/self/oom_score_adj').read())"
    done = run(tmp_path, sys.executable, "-c", code, capture=True, limits=Limits(nice=7))
    assert done.output.split() == [str(os.nice(0) + 7), "500"]


@pytest.mark.slow
def test_of_a_gigabyte_of_output_the_log_has_both_ends_and_says_what_it_has_not(tmp_path):
    loud = "import os\nos.write(1, b'begin\\n')\nfor _ in range(1000): os.write(1, b'x' * 999_999 + b'\\n')\nos.write(1, b'the end\\n')"
    assert run(tmp_path, sys.executable, "-c", loud).code == 0
    log = (tmp_path / "log").read_bytes()
    assert log.startswith(b"begin\n")
    assert log.endswith(b"the end\n")
    assert len(log) < HEAD + TAIL + 20 * 65536
    cut = int(re.search(rb"\[\.\.\. ([\d,]+) bytes of output were cut here\]", log)[1].replace(b",", b""))
    said = len(b"\n[... 991,111,111 bytes of output were cut here]\n")
    assert len(log) - said + cut == 6 + 1_000_000_000 + 8
