"""`python -m meta_orch.cli`: for where the script is not on the path."""

from meta_orch.cli.app import main

main(prog_name="meta-orch")
