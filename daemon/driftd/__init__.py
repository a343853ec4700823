"""driftd: the missing daemon for DVC projects."""

__version__ = "0.1.0"
