"""What is wrong, whose fault it is, who is told, and when.

`watching` finds what is wrong by the rules in `rules/`; `correlation` and `incidents` make of it
one incident a cause; `dispatching` decides who is told by the tree of `routing` and what `muting`
leaves; `delivery/` sends it. All but the last is pure, or reads the store.
"""
