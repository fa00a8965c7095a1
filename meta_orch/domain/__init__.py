"""Pipelines, runs, tasks, schedules, states, edges and windows.

Frozen values in the field's own words, the same for every orchestrator. Nothing here reads a clock,
a file or a socket. Every instant is an aware `datetime` in UTC.
"""
