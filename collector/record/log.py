"""The log of both packages: steps (debug) and notes (info). The command line shows them on standard error."""

import logging
from typing import Final

LOG: Final = logging.getLogger("poolscope")
