"""`python -m cti_server` is the `cti` command."""

from cti_server.cli import main

main()
