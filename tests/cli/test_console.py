"""What the tools print: plain text, errors of the system in our words, no traceback where a reader has gone."""

import errno
import io
import logging
import os
import subprocess
import sys

import pytest

from paddleseg_lite.cli.common import run
from paddleseg_lite.cli.console import Plain, indented, plain
from paddleseg_lite.cli.faults import explained
from paddleseg_lite.errors import DataError

NASTY = "a\x1b[2J\x1b]0;title\x07\r\x08b\x85\u202ec.png"


def test_text_is_plain():
    assert plain(NASTY) == r"a\x1b[2J\x1b]0;title\x07\r\x08b\x85\u202ec.png"
    assert plain("tabs\tand\nlines, \u8857\u9053 \u00e9") == "tabs\tand\nlines, \u8857\u9053 \u00e9"
    assert (
        indented("skipped: a\n12:00:00 done: all good\n  listed") == "skipped: a\n  12:00:00 done: all good\n  listed"
    )


@pytest.fixture
def call(capsys):
    """``call(main)`` -> (status, output, errors)."""

    def _call(main):
        logger = logging.getLogger("paddleseg_lite")
        before = list(logger.handlers)
        with pytest.raises(SystemExit) as done:
            run(lambda argv: main())
        for handler in [h for h in logger.handlers if h not in before]:
            logger.removeHandler(handler)
        captured = capsys.readouterr()
        return done.value.code, captured.out, captured.err

    return _call


def test_names_reach_no_terminal_as_they_are(call):
    def main():
        print(f"table of {NASTY}")
        logging.getLogger("paddleseg_lite").warning("skipped: %s\nforged line", NASTY)
        raise DataError(f"{NASTY}\nerror: forged")

    status, out, err = call(main)
    assert status == 2 and not set("\x1b\x07\x08\r\x85\u202e") & set(out + err)
    assert "\n  forged line" in out and err.startswith(r"error: a\x1b[2J") and "\n  error: forged" in err


def os_error(number, name="some/file"):
    return OSError(number, errno.errorcode[number], name)


SYSTEM = [
    (os_error(errno.ENOSPC), "some/file: ENOSPC. Free some space"),
    (os_error(errno.ENAMETOOLONG), "some/file: ENAMETOOLONG. Give another path"),
    (os_error(errno.ELOOP), "Give another path"),
    (os_error(errno.EMFILE), "ulimit -n"),
    (os_error(errno.EIO), "The disk"),
    (MemoryError(), "not enough memory. Lower --batch_size"),
    (ValueError("embedded null byte"), "a path holds a NUL character"),
    (RuntimeError("Could not determine home directory."), "a path begins with ~"),
    (RuntimeError("Symlink loop from 'a.yml'"), "Symlink loop from 'a.yml'. Give another path"),
    (
        ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
        "libGL.so.1 is missing: install it (Debian, Ubuntu: apt-get install libgl1)",
    ),
    (ImportError("libgthread-2.0.so.0: cannot open shared object file: x"), "apt-get install libglib2.0-0"),
    (ImportError("libodd.so.9: cannot open shared object file: x"), "the system library libodd.so.9 is missing"),
]


@pytest.mark.parametrize("error, told", SYSTEM, ids=[repr(e)[:40] for e, _ in SYSTEM])
def test_errors_of_the_system_have_a_remedy(call, error, told):
    def main():
        raise error

    status, out, err = call(main)
    assert status == 2 and told in err and err.count("\n") == 1 and "Traceback" not in out + err


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), RuntimeError("x"), ImportError("x"), OSError(errno.EINVAL, "x")]
)
def test_faults_of_ours_keep_their_traceback(error):
    assert explained(error) is None
    with pytest.raises(type(error)):
        run(lambda argv: (_ for _ in ()).throw(error))


class Broken(io.StringIO):
    """A stream whose writes fail."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, text):
        raise OSError(self.number, errno.errorcode[self.number])


def test_output_that_cannot_be_printed(monkeypatch):
    gone = Plain(Broken(errno.EPIPE))
    assert gone.write("x") == 1 and gone.lost is None
    full = Plain(Broken(errno.ENOSPC))
    full.write("x")
    assert full.lost == "ENOSPC"


def test_a_reader_that_goes_is_no_error(root):
    """``tool | head -1``: the tool goes on to its end, without a traceback."""
    code = "from paddleseg_lite.cli.common import run\nimport sys\n"
    code += "def main(argv):\n    for i in range(20000): print('line', i)\n"
    code += "    print('end', file=sys.stderr)\n    return 0\n"
    code += "run(main)\n"
    tool = subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert tool.stdout.readline() == b"line 0\n"
    tool.stdout.close()
    assert tool.stderr.read() == b"end\n" and tool.wait(60) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no such device")
def test_output_on_a_full_disk_is_told(root):
    code = "from paddleseg_lite.cli.common import run\nrun(lambda argv: print('x'))\n"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], cwd=root, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: not all of the output could be printed: No space")
