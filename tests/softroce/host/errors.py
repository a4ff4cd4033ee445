"""How the test bed speaks: sentences on stderr, and exit status 125 where the bed itself, not the command, has failed."""

import sys

BED_FAILED = 125


class BedError(Exception):
    """The test bed cannot do what was asked; the message says what to do about it."""


def say(sentence):
    print(f"softroce: {sentence}", file=sys.stderr, flush=True)
