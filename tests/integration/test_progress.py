"""What a fit shows in a terminal, a pipe and a notebook, with tqdm and without."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap

import pytest

import fastbp as fb
from fastbp import progress

FIT = """
import sys
sys.path.insert(0, {folder!r})
import warnings
warnings.simplefilter("error")
{before}
import fastbp as fb
net = fb.mlp([1, 2, 1], seed=0)
x, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 0.0]
history = {call}
print(len(history.loss), history.stop_reason)
"""
WHOLE = "net.fit(x, y, epochs=40, batch_size=1{})"
STOPPED = (
    "net.fit(x, y, epochs=10, batch_size=1, "
    "callbacks=[fb.EverySteps(1, lambda training: training.total_steps == {})])"
)
STREAM = "net.fit_stream([(x, y), (x, y)], epochs=7, batch_size=1)"
BLOCKED = "sys.modules['tqdm'] = None"


def script(tmp_path, call, before=""):
    return FIT.format(folder=str(tmp_path), before=textwrap.dedent(before), call=call)


def read_all(descriptor):
    """Read until the other side of a terminal is closed."""
    found = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            return found
        if not part:
            return found
        found += part


def in_terminal(code, columns=120):
    """Run code whose standard error is a terminal; return what it printed there and on stdout."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
        cwd="/",
    ) as process:
        os.close(theirs)
        shown = read_all(ours).decode()
        os.close(ours)
        printed = process.stdout.read().decode()
    assert process.returncode == 0, shown
    return shown, printed


def in_pipe(code):
    """Run code whose standard error is a pipe; return what it printed there and on stdout."""
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert answer.returncode == 0, answer.stderr
    return answer.stderr, answer.stdout


def last_drawing(shown):
    return re.split(r"[\r\n]+", shown.strip())[-1]


LINE = r"epoch (\d+)/40  loss \S+  \d+\.\d\d s"
BAR = r"epoch (\d+)/(\d+) +(\d+)%\|.*\| \d\d:\d\d<\d\d:\d\d, +\S+ steps/s, loss=\d\S*"


@pytest.mark.parametrize("wanted", ["", ", progress=None", ", progress=True"])
def test_a_terminal_shows_a_bar_that_ends_full(tmp_path, wanted):
    pytest.importorskip("tqdm")
    shown, printed = in_terminal(script(tmp_path, WHOLE.format(wanted)))
    assert printed == "40 epochs\n"
    assert shown.startswith("\repoch 1/40   0%|")
    found = re.fullmatch(BAR, last_drawing(shown))
    assert found.groups() == ("40", "40", "100")
    assert shown.count("\n") == 1


@pytest.mark.parametrize(("columns", "width"), [(0, 80), (40, 40), (100, 100)])
def test_a_bar_is_as_wide_as_its_terminal(tmp_path, columns, width):
    # Many a terminal of a container has no size.
    pytest.importorskip("tqdm")
    shown, _ = in_terminal(script(tmp_path, WHOLE.format("")), columns)
    drawings = [text for text in re.split(r"[\r\n]+", shown) if text.strip()]
    assert drawings
    assert max(map(len, drawings)) == width - 1, drawings


def test_other_figures_stand_beside_the_bar(tmp_path):
    pytest.importorskip("tqdm")
    more = ", validation=(x, y), metrics=['r2', 'gradient_norm']"
    shown, _ = in_terminal(script(tmp_path, WHOLE.format(more)))
    names = re.findall(r"(\w+)=", last_drawing(shown))
    assert names == ["loss", "r2", "val_loss", "val_r2"]


@pytest.mark.parametrize(
    ("steps", "epoch", "percent"), [(1, "1", "3"), (3, "1", "10"), (4, "2", "13"), (12, "4", "40")]
)
def test_the_bar_of_a_stopped_fit_stays_where_it_is(tmp_path, steps, epoch, percent):
    pytest.importorskip("tqdm")
    shown, printed = in_terminal(script(tmp_path, STOPPED.format(steps)))
    assert printed == f"{steps // 3} callback\n"
    found = re.match(r"epoch (\d+)/10 +(\d+)%\|", last_drawing(shown))
    assert found.groups() == (epoch, percent)


def test_a_stream_of_unknown_length_counts_until_its_first_epoch_ends(tmp_path):
    pytest.importorskip("tqdm")
    shown, printed = in_terminal(script(tmp_path, STREAM))
    assert printed == "7 epochs\n"
    assert shown.startswith("\repoch 1/7  0 steps, 00:00, ? steps/s")
    found = re.fullmatch(BAR, last_drawing(shown))
    assert found.groups() == ("7", "7", "100")


def test_a_resumed_fit_begins_where_its_checkpoint_is(tmp_path):
    pytest.importorskip("tqdm")
    path = str(tmp_path / "run.fastbp")
    net = fb.mlp([1, 2, 1], seed=0)
    net.fit(
        *([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.0]),
        epochs=10,
        batch_size=1,
        callbacks=fb.Checkpoint(path),
    )
    shown, printed = in_terminal(script(tmp_path, WHOLE.format(f", resume={path!r}")))
    assert printed == "40 epochs\n"
    assert shown.startswith("\repoch 11/40  25%|")
    assert re.fullmatch(BAR, last_drawing(shown)).groups() == ("40", "40", "100")


def test_a_bar_ends_its_line_when_the_fit_ends_by_an_error(tmp_path):
    pytest.importorskip("tqdm")
    code = script(tmp_path, "net.fit(x, y, epochs=3, callbacks=lambda net, history: 1 / 0)")
    shown, printed = in_terminal(
        code.replace("history = ", "try: history = ").replace(
            "print(", "except ZeroDivisionError: print('error') #"
        )
    )
    assert printed == "error\n"
    assert re.match(r"epoch 1/3 +33%\|", last_drawing(shown))
    assert shown.endswith("\r\n")


@pytest.mark.parametrize("wanted", ["", ", progress=True"])
def test_a_terminal_without_tqdm_shows_a_line_an_epoch(tmp_path, wanted):
    shown, printed = in_terminal(script(tmp_path, WHOLE.format(wanted), BLOCKED))
    assert printed == "40 epochs\n"
    assert re.findall(LINE, shown) == [str(epoch) for epoch in range(1, 41)]
    assert len(shown.splitlines()) == 40


@pytest.mark.parametrize("before", ["", BLOCKED])
def test_a_pipe_shows_lines_where_they_are_asked_for(tmp_path, before):
    for wanted in ("", ", progress=None"):
        assert in_pipe(script(tmp_path, WHOLE.format(wanted), before)) == ("", "40 epochs\n")
    shown, printed = in_pipe(script(tmp_path, WHOLE.format(", progress=True"), before))
    assert re.findall(LINE, shown) == [str(epoch) for epoch in range(1, 41)]
    assert printed == "40 epochs\n"


@pytest.mark.parametrize("before", ["", BLOCKED])
@pytest.mark.parametrize("run", [in_terminal, in_pipe])
def test_nothing_is_shown_where_nothing_is_wanted(tmp_path, before, run):
    code = script(tmp_path, WHOLE.format(", progress=False"), before)
    assert run(code + "print('tqdm' in sys.modules and sys.modules['tqdm'] is not None)") == (
        "",
        "40 epochs\nFalse\n",
    )


KERNEL = """
import types
class Shell: pass
Shell.__module__ = "ipykernel.zmqshell"
sys.modules["ipykernel"] = types.ModuleType("ipykernel")
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].get_ipython = Shell
"""
# As little of ipywidgets and IPython as tqdm's widget is made of.
WIDGETS = """
import types
class Widget:
    def __init__(self, *given, **settings):
        self.children = settings.get("children", ())
        self.value, self.max, self.bar_style = 0, settings.get("max"), ""
        self.layout, self.style = types.SimpleNamespace(), types.SimpleNamespace()
made = []
class Box(Widget):
    def __init__(self, *given, **settings):
        super().__init__(*given, **settings)
        made.append(self)
widgets = types.ModuleType("ipywidgets")
widgets.__version__ = "8.0"
widgets.HTML, widgets.FloatProgress, widgets.HBox = Widget, Widget, Box
widgets.IntProgress = Widget
sys.modules["ipywidgets"] = widgets
display = types.ModuleType("IPython.display")
display.display = lambda box: print("displayed", type(box).__name__)
sys.modules["IPython.display"] = sys.modules["IPython"].display = display
html = types.ModuleType("IPython.html")
"""


def test_a_notebook_shows_a_widget(tmp_path):
    pytest.importorskip("tqdm")
    after = (
        "\nleft, bar, right = made[0].children"
        "\nprint(left.value, bar.value, bar.max, bar.bar_style, right.value)"
    )
    shown, printed = in_pipe(script(tmp_path, WHOLE.format(""), KERNEL + WIDGETS) + after)
    assert shown == ""
    first, second, third = printed.replace("\u2007", " ").splitlines()
    assert first.startswith("displayed ")
    assert second == "40 epochs"
    assert re.fullmatch(
        r"epoch 40/40 100% 120 120 success +\d\d:\d\d&lt;.* steps/s, loss=.*", third
    )


def test_a_notebook_without_widgets_shows_the_bar_of_a_terminal(tmp_path):
    pytest.importorskip("tqdm")
    before = KERNEL + "sys.modules['ipywidgets'] = None\n"
    shown, printed = in_pipe(script(tmp_path, WHOLE.format(""), before))
    assert printed == "40 epochs\n"
    assert re.fullmatch(BAR, last_drawing(shown)).groups() == ("40", "40", "100")


def test_a_notebook_without_tqdm_shows_lines(tmp_path):
    shown, _ = in_pipe(script(tmp_path, WHOLE.format(""), KERNEL + BLOCKED))
    assert re.findall(LINE, shown) == [str(epoch) for epoch in range(1, 41)]


def test_ipython_in_a_terminal_is_no_notebook(tmp_path):
    # Neither is a script that imports what a kernel is made of.
    plain = KERNEL.replace("ipykernel.zmqshell", "IPython.terminal.interactiveshell")
    assert in_pipe(script(tmp_path, WHOLE.format(""), plain)) == ("", "40 epochs\n")


@pytest.mark.parametrize("stream", [None, object(), io.StringIO()])
def test_a_standard_error_that_is_no_file_shows_nothing(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    assert not progress.in_terminal()
    assert progress.shown(None, 3, 0, 0, 5) is None


def test_a_closed_standard_error_shows_nothing(monkeypatch):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    assert progress.shown(None, 3, 0, 0, 5) is None


class Counting:
    """A bar that counts how often it is told something."""

    def __init__(self, total):
        self.n, self.total, self.calls = 0, total, 0

    def set_description_str(self, text, refresh):
        assert refresh is False
        self.calls += 1

    def set_postfix_str(self, text, refresh):
        assert refresh is False

    def update(self, steps):
        self.n += steps

    def close(self):
        pass


def test_texts_are_made_for_drawings_alone(monkeypatch):
    now = 0.0
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now)
    inner = Counting(20_000)
    bar = progress.Bar(inner, 10_000, 0, guesses=False)
    for epoch in range(1, 10_001):
        now += 1e-4
        bar.advance(2)
        bar.epoch(epoch, {"loss": 1.0})
    bar.close()
    # A second of epochs: ten drawings, and the last.
    assert 10 <= inner.calls <= 11
    assert inner.n == 20_000


def test_a_stream_whose_epochs_grow_keeps_its_bar():
    inner = Counting(None)
    bar = progress.Bar(inner, 2, 0, guesses=True)
    bar.advance(5)
    bar.epoch(1, {"loss": 1.0})
    assert inner.total == 10
    bar.advance(30)
    bar.close()
    assert (inner.n, inner.total) == (35, 35)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.05, "0.0500"), (1, "1.0000"), (-123.45678, "-123.4568"), (0.00123456, "0.00123"),
        (0.0, "0"), (1e9, "1e+09"), (float("nan"), "nan"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_figures_are_short(value, text):
    assert progress.short(value) == text
