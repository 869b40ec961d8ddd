"""``python -m neuropil`` is the `neuropil` program."""

import sys

from neuropil._cli import main

sys.exit(main())
