# Each kernel of `make lab` runs this first (PYTHONSTARTUP). It must leave no name behind, and be nothing elsewhere.
__import__("helpers.commands.kernel_advice", fromlist=["watch"]).watch()
