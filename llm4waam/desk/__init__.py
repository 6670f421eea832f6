"""The desk: a local page over the final models, its API, and its tools for assistants."""
