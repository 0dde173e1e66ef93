"""`python -m repviz`: the command line of the interpreter at hand."""

from repviz.cli import main

main()
