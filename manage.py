#!/usr/bin/env python
"""Django's command line for Gatehouse."""

import sys

from console.command_line import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
