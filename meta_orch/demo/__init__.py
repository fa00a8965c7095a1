"""The demonstration: real servers, sample pipelines, one command."""
