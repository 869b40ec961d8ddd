"""The `neuropil` program, run inside the Python process."""

import signal
import sys

from neuropil import _neuropil


def main() -> int:
    """Run the program with the arguments of this process and return its exit status."""
    # Python's handler of Ctrl-C only takes a note for the interpreter, which does not run until the program is done.
    # The program installs a handler of its own, which saves its work first.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _neuropil.run_program(["neuropil", *sys.argv[1:]])
