"""Runs a command and says how it ended, how long it took and what it needed.

usage: measure.py COMMAND [ARG]...

The last line on stderr is `exit SECONDS PEAK_BYTES`; the command's own output
goes where this one's does.
"""

import resource
import subprocess
import sys
import time

start = time.monotonic()
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode
seconds = time.monotonic() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(code, f"{seconds:.3f}", peak, file=sys.stderr)
