"""Promises kept and broken."""
