"""What a language model that gave no answer raises."""


class RewriteError(RuntimeError):
    """No usable answer came; the message is one line and holds no secret."""
