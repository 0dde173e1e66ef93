"""`python -m repviz`: the command line."""

from repviz.cli import main

main()
